// SPDX-License-Identifier: MIT
// A new key for a device. It signs from the moment it is there, and both verify until a beat is
// acknowledged over a connection that was made since: the key that signed it stays, the other goes.
//
//   lubdub.key  | lubdub.next | signs                            | leaves on
//   -           | -           | the configuration's              | rotateKey
//   old or -    | new         | new; after a refusal either one  | acknowledged -> kept or undone
//   new         | -           | new                              | rotateKey
//
// A refusal decides nothing: it may be a stale clock that was refused, or by a peer that knows neither
// key, and the host may have forgotten the old one already.
//
// Each file carries a check sum over itself and the configured key: a torn one does not count, and
// a board that is given another key by hand forgets both. `lubdub.key` is written while `lubdub.next`
// still stands, so a power cut at any moment leaves one whole file with the key in use.
import type { Failure, Runtime } from "../core/runtime.ts";
import { quoted } from "../core/runtime.ts";
import type { Config } from "../wire/config.ts";
import { deviceKey } from "./jwt.ts";
import type { Jwt, SigningKey } from "./jwt.ts";

/** Holds the key that took the place of the configured one. */
export const KEY_FILE = "lubdub.key";

/** Holds the key that has not proved itself. */
export const NEXT_FILE = "lubdub.next";

/** A rotation that may be under way. */
export interface Rotation {
  /** Makes a new key the one that signs. Fails with E_KEY or E_STORE. `key` is base64url. */
  rotate(key: string, kid: string): Failure | undefined;
  /** A beat was acknowledged; over a connection made since a rotation that decides between its keys. */
  accepted(): void;
  /** A credential was refused: while two keys are undecided the other one may be the next to sign. */
  refused(): void;
}

/** Takes up the keys of earlier rotations, and one that the last boot left undecided. */
export function createRotation(rt: Runtime, jwt: Jwt, config: Config): Rotation {
  // The last connection before the new key. A connection is judged when it is made: what comes over it
  // later says nothing of a newer key. What waits is sealed again in the next.
  let oldSession = 0;

  function textOf(kid: string, key: string): string {
    return JSON.stringify([kid, key, rt.crc32(config.key + kid + " " + key)]);
  }

  function load(file: string): SigningKey | undefined {
    const text = rt.read(file);
    try {
      const [kid, key] = JSON.parse(text as string) as [string, string];
      if (textOf(kid, key) === text) return deviceKey(rt, jwt.identity, jwt.aud, kid, key);
    } catch {
      // Absent, torn, or of another key.
    }
    return undefined;
  }

  function use(key: SigningKey): void {
    jwt.old = jwt.key;
    jwt.key = key;
  }

  jwt.key = load(KEY_FILE) || jwt.key;
  let next = load(NEXT_FILE);
  if (next) use(next);
  return {
    rotate: function (key, kid) {
      // A second one would need three keys; equal ids would not tell the two apart.
      if (jwt.old || kid === jwt.key.kid) return "E_KEY cause=" + (jwt.old ? "busy" : "kid");
      const error = rt.write(NEXT_FILE, textOf(kid, key));
      next = error ? undefined : load(NEXT_FILE);
      if (!next) {
        rt.erase(NEXT_FILE);
        return "E_STORE text=" + quoted("" + error);
      }
      use(next);
      oldSession = jwt.identity.session;
      rt.log("I", "key", "new", "kid=" + quoted(kid));
      return undefined;
    },
    accepted: function () {
      if (!jwt.old || jwt.identity.session <= oldSession) return undefined;
      const isNew = jwt.key === next;
      // Without room for it, the undecided one stays what it is, and the next beat tries again.
      const error = isNew && rt.write(KEY_FILE, rt.read(NEXT_FILE) as string);
      if (error) return rt.log("E", "key", "not-kept", "code=E_STORE text=" + quoted(error));
      rt.erase(NEXT_FILE);
      jwt.old = undefined;
      const kid = "kid=" + quoted((next as SigningKey).kid);
      return rt.log(isNew ? "I" : "W", "key", isNew ? "kept" : "undone", kid);
    },
    refused: function () {
      // Drawn, not in turn: one of two URLs would get the same wrong key for ever.
      if (jwt.old && rt.random() < 0.75) use(jwt.old);
    },
  };
}
