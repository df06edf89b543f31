// The one document that the host keeps for this target: the newest token that was
// seen, and the state of its rollouts.
import type { Document, StoreError } from 'baepo:hooks/store@0.1.0';
import type { TargetError } from 'baepo:hooks/target@0.1.0';
import type { HookError } from 'baepo:hooks/types@0.1.0';
import { decode, encode, latin, refusal, refused, u64, unlatin } from './engine.js';

/** The import `store`. */
export interface Store {
  load(): Document;
  save(expectedVersion: bigint, bytes: Uint8Array): bigint;
}

/** The document as it is written. */
interface Kept {
  token: number;
  /** Of the state: it grows with each one that is saved, and not with a token. */
  version: number;
  /** In base64. */
  state: string;
}

/** How often a document is saved that others change at the same time. */
const TRIES = 8;

export class State {
  constructor(private readonly store: Store) {}

  /** Lets a token act that is not older than all before. */
  admit(token: bigint): void {
    this.change((kept) => {
      if (token < kept.token) throw { tag: 'fenced' } satisfies TargetError;
      return token > kept.token ? { ...kept, token: Number(token) } : undefined;
    });
  }

  load(): [bigint, Uint8Array] {
    const { version, state } = this.read().kept;
    return [u64(version), unlatin(atob(state))];
  }

  save(expectedVersion: bigint, bytes: Uint8Array): bigint {
    const version = Number(expectedVersion) + 1;
    this.change((kept) => {
      if (kept.version !== Number(expectedVersion)) throw { tag: 'conflict' } satisfies TargetError;
      return { ...kept, version, state: btoa(latin(bytes)) };
    });
    return u64(version);
  }

  private read(): { document: Document; kept: Kept } {
    try {
      const document = this.store.load();
      const isNew = document.bytes.length === 0;
      return { document, kept: isNew ? { token: 0, version: 0, state: '' } : JSON.parse(decode(document.bytes)) };
    } catch (thrown) {
      throw refused(thrown, 'store');
    }
  }

  /** Anew where somebody else saved in between: what is right then is decided by what they saved. */
  private change(next: (kept: Kept) => Kept | undefined): void {
    for (let tried = 0; tried < TRIES; tried++) {
      const { document, kept } = this.read();
      const changed = next(kept);
      if (changed === undefined) return;
      try {
        this.store.save(document.version, encode(JSON.stringify(changed)));
        return;
      } catch (thrown) {
        if (refusal<StoreError>(thrown).tag !== 'conflict') throw refused(thrown, 'store');
      }
    }
    throw { tag: 'unavailable', val: u64(1_000) } satisfies HookError;
  }
}
