// SPDX-License-Identifier: MIT
// The one door for heartbeats on the host: takes the payload's bytes and the id from its topic,
// checks token, body hash and body, and says what the beat is worth. The wall clock is passed in,
// so the same input gives the same verdict. Payloads are hostile until verified: nothing here
// throws, and memory is bounded by the number of devices.
import { createHash } from "node:crypto";
import { AUDIENCE, SKEW_SEC } from "../../firmware/wire/claims.ts";
import { detachToken } from "../../firmware/wire/heartbeat.ts";
import { decodeBeat } from "./beat.ts";
import type { Beat } from "./beat.ts";
import { createBeatOrder } from "./beat-order.ts";
import type { BeatOrder } from "./beat-order.ts";
import { verifyToken } from "./token.ts";
import type { TokenProblem } from "./token.ts";
import type { JsonObject } from "./strict-json.ts";

/** Why a beat is rejected; counted by this word. */
export type RejectReason =
  | TokenProblem
  /** Payload above the bound. */
  | "size"
  /** The last member is not a `jwt` string. */
  | "unsigned"
  | "issuer"
  | "audience"
  /** Token and topic or body name different devices. */
  | "subject"
  /** `iat` lies in the future. */
  | "early"
  | "expired"
  /** The body is not the one that was signed. */
  | "hash"
  | "body"
  /** Body and claims disagree about boot or seq. */
  | "order"
  /** Older than everything remembered: cannot be told from a replay. */
  | "old";

/** What a payload is worth. Only `fresh` says that the device lives. */
export type Verdict =
  | { kind: "fresh" | "duplicate" | "late"; beat: Beat }
  | { kind: "rejected"; reason: RejectReason; detail: string };

/** Settings of a verifier. */
export interface VerifierOptions {
  /** Key of a device by key id; undefined refuses. */
  keyFor(deviceId: string, kid: string): Buffer | undefined;
  /** Expected `aud`, default `lubdub`. */
  audience?: string;
  /** Clock difference forgiven, s, default 60. */
  skewSec?: number;
  /** Longest payload, bytes, default 16,384. */
  maxPayloadBytes?: number;
  /** Devices remembered, default 100,000; beyond it the longest silent one is forgotten. */
  maxDevices?: number;
}

/** A verifier with its memory of what it has seen. */
export interface Verifier {
  /** Judges one payload that arrived for `deviceId` at `wallMs` (epoch ms). */
  accept(payload: Buffer, deviceId: string, wallMs: number): Verdict;
  /** Rejections so far, by reason. */
  rejections(): ReadonlyMap<RejectReason, number>;
}

/** Creates a verifier that has seen nothing. */
export function createVerifier(options: VerifierOptions): Verifier {
  const audience = options.audience ?? AUDIENCE;
  const skewSec = options.skewSec ?? SKEW_SEC;
  const maxPayloadBytes = options.maxPayloadBytes ?? 16_384;
  const maxDevices = options.maxDevices ?? 100_000;
  const orders = new Map<string, BeatOrder>();
  const rejections = new Map<RejectReason, number>();

  function reject(reason: RejectReason, detail: string): Verdict {
    rejections.set(reason, (rejections.get(reason) ?? 0) + 1);
    return { kind: "rejected", reason, detail };
  }

  function orderOf(deviceId: string): BeatOrder {
    const order = orders.get(deviceId) ?? createBeatOrder();
    // Deleted and set again: a Map lists in order of insertion, so the first is the longest silent.
    orders.delete(deviceId);
    orders.set(deviceId, order);
    if (orders.size > maxDevices) orders.delete(orders.keys().next().value as string);
    return order;
  }

  function accept(payload: Buffer, deviceId: string, wallMs: number): Verdict {
    if (payload.length > maxPayloadBytes) return reject("size", `${payload.length} bytes`);
    const parts = detachToken(payload.toString("latin1"));
    if (!parts) return reject("unsigned", "the last member is not a jwt");
    const token = verifyToken(parts.token, (kid) => options.keyFor(deviceId, kid));
    if (!token.ok) return reject(token.problem, token.detail);

    const { claims } = token;
    const nowSec = wallMs / 1000;
    const wrong = claimProblem(claims);
    if (wrong) return reject("claims", wrong);
    if (claims["sub"] !== deviceId) return reject("subject", "sub is not the topic's device");
    if (claims["iss"] !== deviceId) return reject("issuer", "iss is not the device");
    if (claims["aud"] !== audience) return reject("audience", "aud is not ours");
    const { iat, exp } = claims as { iat: number; exp: number };
    if (iat > nowSec + skewSec)
      return reject("early", `iat is ${Math.round(iat - nowSec)} s ahead`);
    if (exp <= nowSec - skewSec) return reject("expired", `${Math.round(nowSec - exp)} s ago`);

    const body = Buffer.from(parts.body, "latin1");
    if (createHash("sha256").update(body).digest("base64url") !== claims["bh"])
      return reject("hash", "bh is not the hash of the body");
    const decoded = decodeBeat(body);
    if (!decoded.ok) return reject("body", decoded.problem);
    const { beat } = decoded;
    if (beat.device_id !== deviceId) return reject("subject", "device_id is not the topic's");
    if (beat.boot !== claims["boot"] || beat.seq !== claims["seq"])
      return reject("order", "boot or seq differ between token and body");

    const order = orderOf(deviceId).see(beat.boot, beat.seq);
    if (order === "old") return reject("old", `boot ${beat.boot} seq ${beat.seq}`);
    return { kind: order, beat };
  }

  return { accept, rejections: () => rejections };
}

/** Names the first claim that is missing or of the wrong type. */
function claimProblem(claims: JsonObject): string | undefined {
  for (const name of ["iss", "sub", "aud", "bh"]) if (typeof claims[name] !== "string") return name;
  for (const name of ["iat", "exp", "boot", "seq"])
    if (!Number.isSafeInteger(claims[name]) || (claims[name] as number) < 0) return name;
  return (claims["exp"] as number) > (claims["iat"] as number) ? undefined : "exp before iat";
}
