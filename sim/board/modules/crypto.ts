// SPDX-License-Identifier: MIT
// require("crypto"): digests as ArrayBuffer, of anything that holds bytes; PBKDF2; AES in the modes
// CBC, CFB, CTR and ECB. No HMAC, as there.
// A defect that bites scripts: decrypting in the modes CFB and CTR gives garbage, because it is done
// with the key's other schedule. Here it is garbage too, if not the same.
// Not for: AES-CCM, whose functions are missing.
import { createCipheriv, createDecipheriv, hash, pbkdf2Sync } from "node:crypto";
import { typeName } from "../promises.ts";
import type { ScriptObject } from "./classes.ts";
import type { ModuleHost } from "./index.ts";

const BLOCK_BYTES = 16;
const KEY_BYTES: readonly number[] = [16, 24, 32];
const HASHERS: readonly string[] = ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"];
/** Bytes of a word, in which the size of a derived key is counted, and words of the usual key. */
const WORD_BYTES = 4;
const KEY_WORDS = 4;

/** How a message is ciphered. */
interface Cipher {
  mode: string;
  iv: Uint8Array;
}

/** What the options of AES say; null after a line on the console when they are none. */
function cipherOf({ realm, globals, write }: ModuleHost, options: unknown): Cipher | null {
  const iv = new Uint8Array(BLOCK_BYTES);
  if (options === undefined) return { mode: "CBC", iv };
  if (typeof options !== "object" || options === null) {
    write("ERROR: 'options' must be undefined, or an Object\n");
    return null;
  }
  const { mode = "CBC", iv: given } = options as { mode?: unknown; iv?: unknown };
  if (given !== undefined) iv.set(globals.bytes(given).subarray(0, BLOCK_BYTES));
  const name = realm.text(mode);
  if (name === "OFB") {
    write("ERROR: Feature unavailable\n");
    return null;
  }
  if (!["CBC", "CFB", "CTR", "ECB"].includes(name)) {
    realm.fail("Error", `Unknown Crypto mode ${JSON.stringify(name)}`);
  }
  return { mode: name, iv };
}

function runCipher(
  { mode, iv }: Cipher,
  given: { key: Uint8Array; message: Uint8Array },
  isDecrypting: boolean,
): Uint8Array {
  const { message } = given;
  const isStream = mode === "CFB" || mode === "CTR";
  // The wrong schedule: another key as far as a script can tell.
  const key = isStream && isDecrypting ? given.key.map((byte) => byte ^ 0xff) : given.key;
  // The feedback is of single bytes.
  const kind = mode === "CFB" ? "cfb8" : mode.toLowerCase();
  const name = `aes-${key.length * 8}-${kind}`;
  const create = isDecrypting ? createDecipheriv : createCipheriv;
  const cipher = create(name, key, mode === "ECB" ? null : iv);
  cipher.setAutoPadding(false);
  // ECB leaves what is no whole block empty.
  const wholeBytes = message.length - (isStream ? 0 : message.length % BLOCK_BYTES);
  const out = new Uint8Array(message.length);
  out.set(cipher.update(message.subarray(0, wholeBytes)));
  return out;
}

function createAes(host: ModuleHost): object {
  const { realm, globals, write } = host;
  const run = (isDecrypting: boolean) => (message?: unknown, key?: unknown, options?: unknown) => {
    if (message === undefined || key === undefined) return undefined;
    const cipher = cipherOf(host, options);
    if (!cipher) return undefined;
    const given = { key: globals.bytes(key), message: globals.bytes(message) };
    if (!KEY_BYTES.includes(given.key.length)) {
      write("ERROR: Unknown error: -0x20\n");
      return undefined;
    }
    if (cipher.mode === "CBC" && given.message.length % BLOCK_BYTES !== 0) {
      write("ERROR: Invalid input length\n");
      return undefined;
    }
    return realm.buffer(runCipher(cipher, given, isDecrypting));
  };
  // A function to `typeof`, as all of the interpreter's own objects.
  const aes = realm.native(function () {});
  realm.define(aes, { encrypt: run(false), decrypt: run(true) });
  return aes;
}

/** Makes the module for one board. */
export function createCrypto(host: ModuleHost): object {
  const { realm, globals, write } = host;
  // As text of bytes: a third of the time that the engine takes to make a buffer of its own.
  const digest = (algorithm: string) => (data?: unknown) =>
    data === undefined ? undefined : realm.bufferOf(hash(algorithm, globals.bytes(data), "binary"));
  const deriveKey = (password?: unknown, salt?: unknown, options?: unknown) => {
    if (password === undefined || salt === undefined) return undefined;
    const isObject = typeof options === "object" && options !== null;
    if (options !== undefined && !isObject) {
      write(`ERROR: Options should be an object or undefined, got ${typeName(options)}\n`);
    }
    const { keySize, iterations, hasher = "SHA1" } = (isObject ? options : {}) as ScriptObject;
    if (!HASHERS.includes(hasher as string)) {
      realm.fail("Error", `Unknown Hasher ${JSON.stringify(realm.text(hasher))}`);
    }
    const words = Math.trunc(Number(keySize ?? KEY_WORDS)) || KEY_WORDS;
    const rounds = Math.max(1, Math.trunc(Number(iterations ?? 1)) || 1);
    const size = words * WORD_BYTES;
    const [secret, grains] = [globals.bytes(password), globals.bytes(salt)];
    return realm.buffer(pbkdf2Sync(secret, grains, rounds, size, String(hasher).toLowerCase()));
  };

  const module = realm.object();
  for (const name of HASHERS) realm.define(module, { [name]: digest(name.toLowerCase()) });
  realm.define(module, { PBKDF2: deriveKey });
  const aes = createAes(host);
  Object.defineProperty(module, "AES", { value: aes, configurable: true });
  const named = { value: aes, writable: true, configurable: true };
  Object.defineProperty(realm.global, "AES", named);
  return module;
}
