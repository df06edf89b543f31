//! The control for every test that counts what a change of the route loses:
//! nginx, which is reloaded to change its route. What counts no losses here
//! would count none anywhere.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use baepo_runtime::load::{Exchange, Load, LoadOptions};

use crate::life::free_port;
use crate::service::{Service, until};

/// nginx in front of one service at a time; ended when dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    fn start(upstream: &Service) -> Nginx {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        configure(folder.path(), port, upstream);
        let child = nginx(folder.path()).spawn().expect("nginx is installed");
        Nginx {
            child,
            folder,
            port,
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn route(&self, upstream: &Service) {
        configure(self.folder.path(), self.port, upstream);
        let reloaded = nginx(self.folder.path()).args(["-s", "reload"]).status();
        assert!(reloaded.unwrap().success());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = nginx(self.folder.path()).args(["-s", "stop"]).status();
        let _ = self.child.wait();
    }
}

fn nginx(folder: &Path) -> Command {
    let mut command = Command::new("nginx");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin"))
        .arg("-p")
        .arg(folder)
        .args(["-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn configure(folder: &Path, port: u16, upstream: &Service) {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {kind};\n"))
        .concat();
    let config = format!(
        "pid nginx.pid;\n\
         worker_processes 2;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
         {temporary}\
         access_log off;\n\
         upstream app {{ server {upstream}; keepalive 32; }}\n\
         server {{\n\
         listen 127.0.0.1:{port};\n\
         location / {{\n\
         proxy_pass http://app;\n\
         proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         }} }} }}\n",
        upstream = upstream.address
    );
    std::fs::write(folder.join("nginx.conf"), config).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_losses_of_a_reload_are_seen() {
    let services = [Service::start("v1", &[]), Service::start("v2", &[])];
    let nginx = Nginx::start(&services[0]);
    until("nginx listens", || {
        std::net::TcpStream::connect(nginx.address()).is_ok()
    })
    .await;
    let load = Load::start(LoadOptions {
        mix: vec![Exchange::echo("/cart", "rye, spelt")],
        max_duration: Duration::from_secs(60),
        ..LoadOptions::new(nginx.address())
    });
    let is_lost = || load.stats().lost.total() > 0;
    for reload in 1..=100 {
        nginx.route(&services[reload % 2]);
        let goal = load.stats().requests + 300;
        until("the load goes on", || load.stats().requests >= goal).await;
        if is_lost() && load.stats().by_revision.len() == 2 {
            break;
        }
    }
    let stats = load.stop().await;
    assert!(stats.lost.total() > 0, "a hundred reloads: {stats:?}");
    assert_eq!(stats.by_revision.len(), 2);
}
