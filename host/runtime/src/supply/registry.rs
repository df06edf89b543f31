//! Components in OCI registries, as `wkg` publishes them: an image manifest with
//! one layer, which is the component. Source: "WASM OCI Artifact layout" of the
//! CNCF working group Wasm.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use baepo_core::digest::Digest;
use docker_credential::DockerCredential;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use tokio::io::AsyncWrite;

use super::cache::digest_of;
use super::error::{FetchError, chain};
use super::source::RegistrySource;
use super::web;
use crate::plugin::Inspection;

/// The media type of the layer.
pub(super) const LAYER: &str = "application/wasm";

/// The media type of the configuration.
pub(super) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// Bytes of the largest manifest. Source: the OCI distribution specification,
/// which lets registries refuse more than 4 MiB.
pub(super) const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// One registry.
pub(super) struct Client {
    inner: oci_client::Client,
    auth: RegistryAuth,
}

/// What a registry has under a name.
pub(super) struct Manifest {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Their digest.
    pub(super) digest: Digest,
}

impl Client {
    pub(super) fn new(source: &RegistrySource) -> Result<Client, FetchError> {
        web::provide_tls();
        let protocol = match source.is_loopback() {
            true => ClientProtocol::Http,
            false => ClientProtocol::Https,
        };
        let config = ClientConfig {
            protocol,
            platform_resolver: None,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(30)),
            user_agent: "baepo",
            ..ClientConfig::default()
        };
        let inner = oci_client::Client::try_from(config)
            .map_err(|error| FetchError::NoTls { why: chain(&error) })?;
        Ok(Client {
            inner,
            auth: credentials(&source.registry),
        })
    }

    pub(super) async fn manifest(&self, source: &RegistrySource) -> Result<Manifest, FetchError> {
        let place = source.to_string();
        let reference = reference(source);
        let pulled = self
            .inner
            .pull_manifest_raw(&reference, &self.auth, &[OCI_IMAGE_MEDIA_TYPE])
            .await;
        let (bytes, _) = pulled.map_err(|error| told(&place, &error))?;
        if bytes.len() > MAX_MANIFEST_BYTES {
            let why = "its manifest is too large".into();
            return Err(FetchError::NoComponent { place, why });
        }
        let digest = digest_of(&bytes);
        match source.manifest {
            Some(expected) if expected != digest => Err(FetchError::Mismatch {
                place,
                expected,
                found: digest,
            }),
            _ => Ok(Manifest {
                bytes: bytes.to_vec(),
                digest,
            }),
        }
    }

    /// The bytes of this digest, checked against it.
    pub(super) async fn blob(
        &self,
        source: &RegistrySource,
        digest: Digest,
        limit_bytes: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let place = source.to_string();
        let reference = reference(source);
        self.inner
            .store_auth_if_needed(reference.resolve_registry(), &self.auth)
            .await;
        let mut into = Bounded {
            bytes: Vec::new(),
            limit_bytes,
            is_over: false,
        };
        // By its digest alone: addresses that a manifest names are not followed.
        let name = digest.to_string();
        let pulled = self.inner.pull_blob(&reference, name.as_str(), &mut into);
        let pulled = pulled.await;
        if into.is_over {
            return Err(FetchError::TooLarge { place, limit_bytes });
        }
        pulled.map_err(|error| told(&place, &error))?;
        Ok(into.bytes)
    }

    /// Publish; the digest of the manifest. The same component gives the same
    /// manifest.
    pub(super) async fn push(
        &self,
        to: &RegistrySource,
        component: &Inspection,
        bytes: Vec<u8>,
    ) -> Result<Digest, FetchError> {
        let place = to.to_string();
        let failed = |error: OciDistributionError| told(&place, &error);
        let layer = ImageLayer::new(bytes, LAYER.into(), None);
        let config = Config::new(config_text(component), CONFIG.into(), None);
        let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
        manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.into());
        let text = serde_json::to_vec(&manifest)
            .map_err(|error| failed(OciDistributionError::JsonError(error)))?;
        let digest = digest_of(&text);
        let reference = reference(to);
        self.inner
            .auth(&reference, &self.auth, RegistryOperation::Push)
            .await
            .map_err(failed)?;
        for (data, digest) in [
            (layer.data.clone(), &manifest.layers[0].digest),
            (config.data.clone(), &manifest.config.digest),
        ] {
            let pushed = self.inner.push_blob(&reference, data, digest).await;
            pushed.map_err(failed)?;
        }
        let media_type = http::HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
        let pushed = self.inner.push_manifest_raw(&reference, text, media_type);
        pushed.await.map_err(failed)?;
        Ok(digest)
    }
}

impl Manifest {
    /// The digest of the one component that it names.
    pub(super) fn component(
        &self,
        source: &RegistrySource,
        limit_bytes: usize,
    ) -> Result<Digest, FetchError> {
        let place = source.to_string();
        let no_component = |why: String| FetchError::NoComponent {
            place: source.to_string(),
            why,
        };
        let manifest: OciImageManifest = serde_json::from_slice(&self.bytes)
            .map_err(|_| no_component("its manifest is not one of an OCI image".into()))?;
        let [layer] = manifest.layers.as_slice() else {
            let why = format!("it has {} layers, and not one", manifest.layers.len());
            return Err(no_component(why));
        };
        if layer.media_type != LAYER {
            let found: String = layer.media_type.escape_debug().take(100).collect();
            return Err(no_component(format!(
                "its layer is `{found}`, and not `{LAYER}`"
            )));
        }
        if usize::try_from(layer.size).is_ok_and(|size| size > limit_bytes) {
            return Err(FetchError::TooLarge { place, limit_bytes });
        }
        layer
            .digest
            .parse()
            .map_err(|_| no_component("its layer is not named by a SHA-256".into()))
    }
}

/// The configuration of the artifact. Made of the component alone, without the
/// time, so that pushing it twice gives one digest.
fn config_text(component: &Inspection) -> Vec<u8> {
    let value = serde_json::json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [component.digest.to_string()],
        "component": {
            "exports": component.exports,
            "imports": component.imports,
            "target": null,
        },
    });
    value.to_string().into_bytes()
}

fn reference(source: &RegistrySource) -> Reference {
    let (registry, repository) = (source.registry.clone(), source.repository.clone());
    match (&source.manifest, &source.tag) {
        (Some(digest), _) => Reference::with_digest(registry, repository, digest.to_string()),
        (None, tag) => {
            let tag = tag.clone().unwrap_or_else(|| "latest".into());
            Reference::with_tag(registry, repository, tag)
        }
    }
}

/// What `docker login` and its relatives wrote down. Without it, anonymous.
fn credentials(registry: &str) -> RegistryAuth {
    let found = docker_credential::get_credential(registry)
        .or_else(|_| docker_credential::get_podman_credential(registry));
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            RegistryAuth::Basic(user, password)
        }
        Ok(DockerCredential::IdentityToken(token)) => RegistryAuth::Bearer(token),
        Err(_) => RegistryAuth::Anonymous,
    }
}

/// What a registry, or the network before it, meant.
fn told(place: &str, error: &OciDistributionError) -> FetchError {
    let place = place.to_owned();
    match error {
        OciDistributionError::RequestError(error) if error.is_body() || error.is_decode() => {
            web::truncated(place, error)
        }
        OciDistributionError::RequestError(error) => web::unreachable(place, error),
        OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::ServerError {
            code: 401 | 403, ..
        } => FetchError::Unauthorized { place },
        OciDistributionError::ImageManifestNotFoundError(_) => FetchError::NotFound { place },
        OciDistributionError::RegistryError { envelope, .. } => {
            let has = |codes: &[OciErrorCode]| {
                let mut errors = envelope.errors.iter();
                errors.any(|error| codes.contains(&error.code))
            };
            if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                return FetchError::Unauthorized { place };
            }
            let unknown = [
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::BlobUnknown,
                OciErrorCode::NotFound,
            ];
            match has(&unknown) {
                true => FetchError::NotFound { place },
                false => FetchError::Refused {
                    place,
                    why: chain(error),
                },
            }
        }
        OciDistributionError::ServerError { code: 404, .. } => FetchError::NotFound { place },
        OciDistributionError::DigestError(error) => FetchError::WrongContent {
            place,
            why: chain(error),
        },
        error => FetchError::Refused {
            place,
            why: chain(error),
        },
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    limit_bytes: usize,
    is_over: bool,
}

impl AsyncWrite for &mut Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.bytes.len() + bytes.len() > self.limit_bytes {
            self.is_over = true;
            return Poll::Ready(Err(std::io::Error::other("it is too large")));
        }
        self.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component_of(json: &str) -> Result<Digest, String> {
        let source = RegistrySource {
            registry: "localhost:5000".into(),
            repository: "x".into(),
            tag: None,
            manifest: None,
        };
        let manifest = Manifest {
            bytes: json.into(),
            digest: digest_of(json.as_bytes()),
        };
        manifest
            .component(&source, 1000)
            .map_err(|error| error.to_string())
    }

    fn manifest(layers: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{CONFIG}","digest":"x","size":1}},"layers":[{layers}]}}"#
        )
    }

    #[test]
    fn a_manifest_names_exactly_one_component() {
        let hex = "ab".repeat(32);
        let layer = |media: &str, digest: &str, size: i64| {
            format!(r#"{{"mediaType":"{media}","digest":"{digest}","size":{size}}}"#)
        };
        let good = layer(LAYER, &format!("sha256:{hex}"), 1000);
        assert_eq!(component_of(&manifest(&good)), Ok(hex.parse().unwrap()));
        let tar = layer("application/vnd.oci.image.layer.v1.tar", "sha256:x", 1);
        for (json, word) in [
            ("nonsense".to_owned(), "not one of an OCI image"),
            (manifest(""), "0 layers"),
            (manifest(&format!("{good},{good}")), "2 layers"),
            (manifest(&tar), "layer.v1.tar"),
            (manifest(&layer(LAYER, "md5:abc", 1)), "SHA-256"),
            (
                manifest(&layer(LAYER, &format!("sha256:{hex}"), 1001)),
                "larger than 1000",
            ),
        ] {
            let text = component_of(&json).unwrap_err();
            assert!(text.contains(word), "{text}");
        }
    }
}
