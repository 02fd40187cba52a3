// SPDX-License-Identifier: MIT
// Heartbeats over HTTP: the carrier for `http://` and `https://` URLs. One POST at a time, each beat
// signed when it is sent; everything else that is published fails, because the server takes beats
// only. The answer may bring the time, commands, and word of a new playlist.
//
// state   | entered when              | slot armed for   | leaves on
// CLOSED  | start, `close`, `stop`    | -                | `open`
// OPENING | `open`                    | connecting       | connected -> ONLINE, else `onFail`
// ONLINE  | connected (without a      | the next POST or | `onFail`, `close`
//         | clock: Date was asked)    | its answer       |
//
// What an answer leads to; a server whose last answer took a beat is proved:
//   2xx with "status":"ok"        the beat is done, also when the rest is too long or does not come
//   401, 403 to a beat            the time in it is told, one more try with a fresh token; then
//                                 `onFail`, refused
//   400, 409, 413, 422, proved    the beat is given up: this one would be refused again
//   any but 429 and 503, proved   `onFail` twice, then this beat is given up: the others are taken
//   any other, no answer,         `onFail`, not before Retry-After; the beat stays and is sent again,
//   another 2xx                   or to the next URL (redirects are not followed, a captive portal
//                                 says 200, a path that is not there 404)
//
// The newest beat goes first. So one that no server takes holds up only those that are older.
import type { Failure, Runtime } from "../core/runtime.ts";
import type { Message, Published, Seal } from "../core/message.ts";
import { timeMs } from "../lib/http-date.ts";
import type { Link, LinkEvents } from "../transport/link.ts";
import { CONNECTION_TOKEN_SEC } from "../wire/claims.ts";
import { request } from "./request.ts";
import type { HttpPeer, HttpResponse } from "./request.ts";

/** Longest answer that is taken, bytes. */
export const ANSWER_MAX_BYTES = 4096;

/** Most beats that wait, the one in hand among them. */
export const WAITING_MAX = 4;

/** Most commands that are taken from one answer; the server sends the others again. */
export const COMMANDS_MAX = 8;

/** Longest pause that a server can ask for, s. */
export const RETRY_AFTER_MAX_SEC = 3600;

/** What a link is made of. */
export interface HttpLinkOptions {
  /** Who posts; `session` is counted up with each connection. */
  identity: { id: string; session: number };
  /** Bound of each step of a request, ms. */
  waitMs: number;
  seal: Seal;
  /** Makes a fresh connection token. */
  token(): string;
  /** No beat waits that would show whether the server takes any, and the last answer did not either. */
  onIdle?(): void;
  /** The server has another playlist than the one that was reported. */
  onPlaylist?: (() => void) | undefined;
}

/** A beat that waits, and how often a proved server has not taken it. */
type Entry = [message: Message, done: Published, refusals: number];

/** Creates a link, closed. */
export function createHttpLink(rt: Runtime, options: HttpLinkOptions, events: LinkEvents): Link {
  const slot = rt.newSlot();
  let peer: HttpPeer | undefined;
  let path = "";
  let isOnline = false;
  // Oldest first.
  let waiting: Entry[] = [];
  // The one in hand.
  let posted: Entry | undefined;
  let token = "";
  let tokenDueMs = 0;
  // The token has been refused, and replaced once.
  let isRefused = false;

  /** Sends the newest beat that waits; when not online, finds out whether the server is there. */
  function pump(): void {
    const entry = isOnline ? waiting[waiting.length - 1] : undefined;
    if (!peer) return;
    if (isOnline && !entry) {
      if (!link.isProved && options.onIdle) options.onIdle();
      return;
    }
    posted = entry;
    const sentMs = rt.nowMs();
    let what = "";
    let headers = "";
    let body: string | undefined;

    function settle(failure: Failure | undefined, response: HttpResponse): void {
      posted = undefined;
      const rttMs = rt.nowMs() - sentMs;
      const { status, body: text, header } = response;
      // The question for the time has no token that could be refused.
      const isDoubted = !!entry && (status === 401 || status === 403);

      /** A member's text, of the characters that times and codes have. `JSON.parse` would take more
       * than JSON, and deep nesting ends the stack of a small board. */
      function member(name: string): string {
        const found = /^\s*:\s*"([A-Za-z0-9_.:-]*)"/.exec(text.split('"' + name + '"')[1] || "");
        return found ? (found[1] as string) : "";
      }

      /** Ends the connection: the owner closes and, after a pause, opens again. */
      function fail(why: Failure, leastMs?: number): void {
        isOnline = false;
        events.onFail(why, isDoubted, leastMs);
      }

      const wallMs = timeMs(member("server_time")) || timeMs(header("date"));
      if (wallMs) events.onTime(wallMs);
      if (!entry) {
        if (failure || rt.quality === "none") return fail(failure || "E_CLOCK_NONE");
        isOnline = true;
        options.identity.session++;
        events.onOnline("");
        // Not before those who have heard of it and have a newer beat.
        return rt.arm(slot, 1, pump);
      }
      const kind = Math.floor(status / 100);
      const isOk = kind === 2 && member("status") === "ok";
      const why = "E_HTTP_STATUS status=" + status + " code=" + member("code");
      if (isDoubted) token = "";
      isRefused = isDoubted && !isRefused;
      const isOver =
        isOk ||
        (link.isProved &&
          status &&
          !isRefused &&
          ([400, 409, 413, 422].includes(status) ||
            (![429, 503].includes(status) && ++entry[2] > 2)));
      if (!isOver && !isRefused) {
        const after = header("retry-after");
        const sec = +after || ((timeMs(after) || 0) - (wallMs || rt.wallMs())) / 1000;
        if (kind === 2 && !failure) failure = "E_HTTP_PROTOCOL what=answer";
        return fail(failure || why, Math.min(Math.max(sec, 0), RETRY_AFTER_MAX_SEC) * 1000);
      }
      if (failure) rt.log("W", "http", "cut", "code=" + failure);
      // First, because any of the calls below may close the link.
      rt.arm(slot, 0, pump);
      const at = waiting.indexOf(entry);
      if (isOver && at >= 0) {
        waiting.splice(at, 1);
        entry[1](isOk ? undefined : why, isOk ? rttMs : undefined);
      }
      // A server that begins to refuse all would be believed for ever.
      link.isProved = isOk;
      if (!isOk) return undefined;
      // Of a list that is cut, those that are whole.
      const list = /"commands"\s*:\s*\[([^\]]*)/.exec(text);
      const parts = list ? (list[1] as string).split('"') : [];
      for (let i = 1; i < parts.length - 1 && i < 2 * COMMANDS_MAX; i += 2)
        events.onMessage("commands", parts[i] as string);
      // Last, because it is the author's and may throw.
      if (options.onPlaylist && /"playlist_updated"\s*:\s*true/.test(text)) options.onPlaylist();
      return undefined;
    }

    if (entry) {
      if (!token || sentMs >= tokenDueMs) {
        token = options.token();
        // 80 % of its lifetime, and a tenth of that more or less: a fleet that started together.
        tokenDueMs = sentMs + CONNECTION_TOKEN_SEC * (720 + 160 * rt.random());
      }
      what = "POST " + path;
      headers = "Content-Type: application/json\r\nAuthorization: Bearer " + token + "\r\n";
      body = options.seal(entry[0].body, entry[0].claims as string);
    } else if (rt.quality === "none") what = "GET " + path;
    request(rt, peer, what, headers, body, settle);
  }

  function close(): void {
    // Or the slot would hold the last request with its answer, a hundred JsVars and more.
    rt.arm(slot, 0, pump);
    rt.disarm(slot);
    if (peer && peer.hangUp) peer.hangUp();
    peer = undefined;
    isOnline = false;
  }

  const link: Link = {
    isOnline: function () {
      return isOnline;
    },
    open: function (target) {
      const { identity, waitMs } = options;
      path = target.path.replace(/\/$/, "") + "/api/v1/devices/" + identity.id + "/heartbeat";
      peer = { endpoint: target, slot, waitMs, bodyMaxBytes: ANSWER_MAX_BYTES };
      // A connection has a token of its own: the key may be another one.
      token = "";
      isRefused = link.isProved = false;
      pump();
    },
    publish: function (message, done) {
      if (!message.claims) return done("E_HTTP_NONE");
      waiting.push([message, done, 0]);
      // The oldest makes room, but not one that may be answered any moment.
      if (waiting.length > WAITING_MAX) {
        const over = waiting.splice(waiting[0] === posted ? 1 : 0, 1)[0] as Entry;
        over[1]("E_HTTP_QUEUE waiting=" + WAITING_MAX);
      }
      // An armed slot is a request in hand, or comes to this beat by itself.
      if (isOnline && !rt.isArmed(slot)) rt.arm(slot, 0, pump);
      return undefined;
    },
    close,
    stop: function (done) {
      close();
      done();
    },
    abandon: function () {
      const all = waiting;
      waiting = [];
      for (const entry of all) entry[1]("E_HTTP_CLOSED");
    },
  };
  return link;
}
