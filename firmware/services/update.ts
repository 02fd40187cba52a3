// SPDX-License-Identifier: MIT
// Replaces the bundle: fetches a new one into the slot that does not run (wire/slots.ts), checks it,
// starts it on trial by a restart, and commits it once it has proved itself. The loader
// (firmware/loader.ts) does the rest. Not for the configuration (core/config-store.ts).
//
// status  | entered when                     | timer           | leaves on
// off     | no loader, or stopped            |                 |
// trial   | the running bundle is not proved | TRIAL_MS        | commit -> idle; timer: restart
// idle    | it is                            |                 | begin -> loading
// loading | a download is in hand            | request, pauses | verified -> ready; failed -> idle
// ready   | the new one is whole             | RESTART_MS      | restart
//
// What has been fetched stays in the slot, erased bytes (0xFF) after it, so a download that failed
// or was cut off by a reset goes on where it ended when it is asked for again. Nothing is written
// unless there is room without compacting: code that runs from Storage does not survive that.
//
// A bundle on trial that is not proved within TRIAL_MS starts the board anew, until its three starts
// are used up. A fault of the network that lasts that long rolls a good bundle back; the old one
// reached online when it was told to update, so it is the safer guess.
//
// Functions that work on a piece of data: as closures of a factory they took 20 JsVars more.
import type { Done, Failure, Runtime, Slot } from "../core/runtime.ts";
import { request } from "../http/request.ts";
import type { HttpPeer } from "../http/request.ts";
import type { LinkTarget } from "../transport/link.ts";
import { COMMIT_AT, CRC_AT, ERASED, ID_AT, SLOT_A, SLOT_B, TEXT_AT } from "../wire/slots.ts";
import { MAC_PREFIX } from "../wire/update.ts";
import type { ResetReason } from "../wire/metrics.ts";
import type { UpdateArgs } from "../wire/update.ts";

/** How long a bundle has to prove itself, ms. */
export const TRIAL_MS = 900000;

/** Longest part that is asked for at once, bytes: what the board can hold of an answer. */
export const RANGE_BYTES = 1024;

/** Bound of each step of a request, ms. */
export const WAIT_MS = 20000;

/** Time between two parts, in which beats and their answers come through, ms. */
export const PAUSE_MS = 100;

/** Time before a part is asked for again, ms, and how often that is done in all. */
export const RETRY_MS = 15000;
/** See {@link RETRY_MS}. */
export const RETRIES = 20;

/** Time between the success and the restart, in which the reply leaves, ms. */
export const RESTART_MS = 5000;

/**
 * What must stay free in Storage, bytes: what other services write while the download runs, and the
 * last pages, in which a cut-off header makes the interpreter erase everything.
 */
export const SPARE_BYTES = 16384;

/** The service: data that the functions below work on. */
export interface Update {
  rt: Runtime;
  status: "off" | "trial" | "idle" | "loading" | "ready";
  slot: Slot;
  /** File of the bundle that runs; undefined without the loader. */
  running: string | undefined;
  /** Ends the program in order and starts the board anew. */
  restart(reason: ResetReason): void;
  /** The server of the download that is in hand. */
  peer?: HttpPeer | undefined;
  /** Gives up what is in hand: its `done` is not called any more. */
  stop(): void;
  /** The running bundle has proved itself: a beat was acknowledged. Harmless at any other time. */
  commit(): void;
}

function stop(this: Update): void {
  this.status = "off";
  this.rt.disarm(this.slot);
  if (this.peer && this.peer.hangUp) this.peer.hangUp();
  this.peer = undefined;
}

function commit(this: Update): void {
  if (this.status !== "trial") return;
  this.stop();
  this.status = "idle";
  this.rt.write(this.running as string, "1", COMMIT_AT);
  this.rt.log("I", "update", "committed", "slot=" + this.running);
}

/** Makes the service; a bundle on trial has TRIAL_MS from now on. */
export function createUpdate(
  rt: Runtime,
  running: string | undefined,
  restart: Update["restart"],
): Update {
  const slot = rt.newSlot();
  const update: Update = { rt, status: "idle", slot, running, restart, stop, commit };
  if (!running) update.status = "off";
  else if (rt.read(running, COMMIT_AT, 1) === ERASED) {
    update.status = "trial";
    rt.arm(slot, TRIAL_MS, () => restart("trial"));
  }
  return update;
}

/**
 * Fetches and checks a bundle; restarts the board RESTART_MS after success. Fails with E_UPDATE
 * (`cause=` a status in which it cannot begin, or `args`, `mac`, `range`, `hash`), E_STORE, and
 * after all repetitions as `request` does.
 *
 * @param mac base64url of HMAC-SHA256 with the device's key
 * @param target `args.url`, parsed; undefined when it is no URL
 */
export function beginUpdate(
  update: Update,
  mac: (text: string) => string,
  target: LinkTarget | undefined,
  args: UpdateArgs,
  done: Done,
): void {
  const { rt, slot, running } = update;
  const { size, sha256 } = args;
  const name = running === SLOT_A ? SLOT_B : SLOT_A;
  let failures = 0;
  // How much is there.
  let at = 0;

  function finish(failure?: Failure): void {
    if (failure) update.stop();
    update.status = failure ? "idle" : "ready";
    done(failure);
  }

  // What is there cannot be used, nor be written over.
  function discard(failure: Failure): void {
    rt.erase(name);
    finish(failure);
  }

  function isWritten(data: string, offset: number): boolean {
    const error = rt.write(name, data, offset, TEXT_AT + size);
    if (error) discard("E_STORE file=" + name);
    return !error;
  }

  function fetch(): void {
    if (at === size) {
      const text = rt.read(name, TEXT_AT) || "";
      if (rt.base64url((rt.sha256 as (bytes: string) => string)(text)) !== sha256)
        return discard("E_UPDATE cause=hash");
      // First: what follows may be cut short by an out-of-memory, and cannot be done twice.
      rt.arm(slot, RESTART_MS, () => update.restart("update"));
      if (!isWritten(rt.crc32(text).toString(16).padStart(8, "0"), CRC_AT)) return undefined;
      return finish();
    }
    const end = Math.min(at + RANGE_BYTES, size);
    const range = at + "-" + (end - 1);
    return request(
      rt,
      update.peer as HttpPeer,
      "GET " + (target as LinkTarget).path,
      "Range: bytes=" + range + "\r\n",
      undefined,
      (failure, { status, body, header }) => {
        const told = status + " " + header("content-range") + " " + body.length;
        // RFC 9110 section 14.4.
        if (!failure && told !== "206 bytes " + range + "/" + size + " " + (end - at))
          failure = "E_UPDATE cause=range status=" + status;
        if (failure) {
          rt.log("W", "update", "range", "code=" + failure);
          if (++failures > RETRIES) return finish(failure);
        } else {
          if (!isWritten(body, TEXT_AT + at)) return undefined;
          at = end;
        }
        return rt.arm(slot, failure ? RETRY_MS : PAUSE_MS, fetch);
      },
    );
  }

  let cause: string = update.status;
  if (cause === "idle")
    cause = mac(MAC_PREFIX + size + " " + sha256) !== args.mac ? "mac" : target ? "" : "args";
  if (cause) return done("E_UPDATE cause=" + cause);
  // Number and id.
  const number = +(rt.read(running as string, 0, ID_AT) as string) + 1;
  const mark = number + sha256.slice(0, CRC_AT - ID_AT);
  // Unless it is there and was not verified yet.
  if (rt.read(name, 0, CRC_AT + 1) !== mark + ERASED) {
    const free = rt.storeFreeBytes();
    if (free < size + SPARE_BYTES) {
      // As trash its room is found at the next start, see `compactStorage`.
      rt.erase(name);
      return done("E_STORE free=" + free);
    }
    if (!isWritten(mark, 0)) return undefined;
  }
  at = (rt.read(name, TEXT_AT) || "").indexOf(ERASED);
  if (at < 0) at = size;
  update.status = "loading";
  rt.log("I", "update", "loading", "slot=" + name + " at=" + at);
  update.peer = {
    endpoint: target as LinkTarget,
    slot,
    waitMs: WAIT_MS,
    bodyMaxBytes: RANGE_BYTES,
  };
  return rt.arm(slot, 0, fetch);
}
