// SPDX-License-Identifier: MIT
// A new key for a device. It signs from the moment it is there, and the old one still verifies; it
// stays when a beat signed with it is acknowledged over a connection that was made with it, and goes
// when its first use is refused.
//
//   lubdub.key  | lubdub.next | signs                  | leaves on
//   -           | -           | the configuration's    | rotateKey
//   old or -    | new         | new; both verify       | acknowledged -> kept, refused -> dropped
//   new         | -           | new                    | rotateKey
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
  /** A beat was acknowledged; over a connection that was made with the new key that makes it final. */
  accepted(): void;
  /** A credential was refused; true when that undid a rotation, so the old key is worth a try. */
  refused(): boolean;
}

/** Takes up the keys of earlier rotations, and one that the last boot left undecided. */
export function createRotation(rt: Runtime, jwt: Jwt, config: Config): Rotation {
  // The last connection that may have been made with the old key. A connection is judged when it is
  // made: what comes over it later says nothing of a newer key. What waits is sealed again in the next.
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

  function drop(): void {
    rt.erase(NEXT_FILE);
    jwt.old = undefined;
  }

  function use(next: SigningKey): void {
    jwt.old = jwt.key;
    jwt.key = next;
  }

  jwt.key = load(KEY_FILE) || jwt.key;
  const next = load(NEXT_FILE);
  if (next) use(next);
  return {
    rotate: function (key, kid) {
      // A second one would need three keys; equal ids would not tell the two apart.
      if (jwt.old || kid === jwt.key.kid) return "E_KEY cause=" + (jwt.old ? "busy" : "kid");
      const error = rt.write(NEXT_FILE, textOf(kid, key));
      const made = error ? undefined : load(NEXT_FILE);
      if (!made) {
        rt.erase(NEXT_FILE);
        return "E_STORE text=" + quoted("" + error);
      }
      use(made);
      oldSession = jwt.identity.session;
      rt.log("I", "key", "new", "kid=" + quoted(kid));
      return undefined;
    },
    accepted: function () {
      if (!jwt.old || jwt.identity.session <= oldSession) return undefined;
      // Without room for it, the undecided one stays what it is, and the next beat tries again.
      const error = rt.write(KEY_FILE, rt.read(NEXT_FILE) as string);
      if (error) return rt.log("E", "key", "not-kept", "code=E_STORE text=" + quoted(error));
      drop();
      return rt.log("I", "key", "kept", "kid=" + quoted(jwt.key.kid));
    },
    refused: function () {
      const { old } = jwt;
      if (!old) return false;
      rt.log("W", "key", "undone", "kid=" + quoted(jwt.key.kid));
      jwt.key = old;
      drop();
      return true;
    },
  };
}
