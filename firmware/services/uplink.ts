// SPDX-License-Identifier: MIT
// The connection, kept: tries the configured URLs in turn, reconnects with jitter, and goes back to
// the first when that is healthy again. What runs over a connection is the link's business
// (transport/link.ts); services publish through this and never see either.
//
// status   | entered when                     | timer            | leaves on
// waiting  | start, network down, any failure | attempt          | attempt -> opening
// opening  | link opened                      | connect deadline | online, failure -> waiting
// online   | the link can send                | audit            | failure -> waiting
// stopping | `stop`                           | stop deadline    | the link has ended -> off
//
// Each failure, and a block that is that URL's alone, moves on to the next URL, so with the default
// times a list of three has been tried through within 60 s and the blocking calls in hand. The window
// of the jitter grows when the whole list has failed. A peer that has refused this device waits ten
// times as long: its answer will not change in seconds.
import type { Config } from "../wire/config.ts";
import { backoffMs } from "../lib/backoff.ts";
import { armBound } from "../core/runtime.ts";
import type { Failure, Runtime } from "../core/runtime.ts";
import type { Message, Published } from "../core/message.ts";
import type { Link, LinkEvents, LinkTarget } from "../transport/link.ts";
import type { Identity } from "../auth/identity.ts";

/** A connection that lived this long resets the backoff, and is looked at as often, ms. */
export const STABLE_MS = 30000;

/**
 * First time until the preferred URL is tried again, ms; doubles up to 40 min, because a renewed
 * connection, 43 min old at least, begins to count anew.
 */
export const PREFER_MS = 300000;

/** When a stop ends in any case, ms. */
export const STOP_MS = 2500;

/** What the uplink needs from the rest. */
export interface UplinkOptions {
  /** Parses a URL of the configuration, and adds what TLS wants. */
  targetOf(url: string): LinkTarget;
  onMessage(topic: string, payload: string): void;
  /** Told at each change between online and not. */
  onChange?(isOnline: boolean): void;
  /** A connection has held for STABLE_MS, and the peer has taken this device; comes again and again. */
  onHeld?(): void;
  /** The peer has told its time, epoch ms. */
  onTime(wallMs: number): void;
  /** The peer has refused this device; true when trying again soon makes sense. */
  onRefused?(failure: Failure): boolean;
  /** Draws after how long a connection is renewed for its credentials' sake, ms; absent: never. */
  renewalMs?: (() => number) | undefined;
}

/** The supervised connection, and what its links report to. */
export interface Uplink extends LinkEvents {
  /** Carriers by the first letter of the schemes they are for; add them right after creation. */
  links: { [letter: string]: Link };
  /** `waiting`, `opening`, `online`, `stopping` or `off`. */
  status: string;
  /** How long it has been online since the start, ms. */
  connectedMs(): number;
  /** When it was online last, or 0, ms. */
  onlineMs: number;
  /** Until when a server has asked it to wait, or 0, ms. */
  patientMs: number;
  /** When the connection is ended in order and made anew, ms; 0: at the next look, within 30 s. */
  renewAtMs: number;
  /** Publishes; `done` comes exactly once unless the program ends first. */
  publish(message: Message, done: Published): void;
  /** The board has an address again: the next attempt comes soon. */
  networkUp(): void;
  /** The board has lost its address. */
  networkDown(): void;
  /** Says goodbye and ends; `done` is called within `STOP_MS`. */
  stop(done: () => void): void;
}

/** Starts the uplink; `config` has been checked. */
export function createUplink(
  rt: Runtime,
  identity: Identity,
  config: Config,
  options: UplinkOptions,
): Uplink {
  const slot = rt.newSlot();
  const uplink = { status: "", onlineMs: 0, patientMs: 0, links: {} } as Uplink;
  const spreadMs = config.reconnect_spread_s * 1000;
  const urls = config.urls.split(",");
  // Until when the server of each URL has asked it to wait, ms.
  const untilMs: number[] = [];
  // The one that is or was open last.
  let link: Link | undefined;
  let index = 0;
  let failures = 0;
  // When the preferred URL is tried next, and after how long again.
  let preferAtMs = 0;
  let preferMs = PREFER_MS;
  // When it went online, and how long it was online before, ms.
  let sinceMs = 0;
  let beforeMs = 0;
  // What keeps attempts from being made, so that it is logged once and not at every retry.
  let blockedBy = "";
  let stopDone: (() => void) | undefined;
  // Saying goodbye to a good connection, behind which the next attempt comes at once.
  let isLeaving = false;

  function enter(status: string, detail?: string): void {
    // What blocks an attempt has been said; it may go on for days.
    if (!blockedBy || status !== uplink.status) rt.log("I", "uplink", status, detail);
    uplink.status = status;
  }

  function connectedMs(): number {
    return beforeMs + (uplink.status === "online" ? rt.nowMs() - sinceMs : 0);
  }

  function leave(status: string, detail: string): void {
    const wasOnline = uplink.status === "online";
    beforeMs = connectedMs();
    enter(status, detail);
    if (wasOnline && options.onChange) options.onChange(false);
  }

  function drop(reason: string, windowMs: number): void {
    // An eighth more than the spread: who tried while a broker was away draws again, on top of those
    // whose first attempt is still to come.
    const delayMs = backoffMs(windowMs * 1.125, Math.floor(failures / urls.length), rt.random());
    // Armed first: an out-of-memory in what follows must not end the attempts for ever.
    rt.arm(slot, delayMs, attempt);
    if (link) link.close();
    leave("waiting", reason + " retry_ms=" + delayMs);
  }

  function onFail(failure: Failure, isRefused: boolean, leastMs?: number): void {
    if (uplink.status === "stopping") return finishStop("failed");
    if (isLeaving) return undefined;
    const isLong = isRefused && !(options.onRefused && options.onRefused(failure));
    if (uplink.status === "online") rt.count(failure.startsWith("E_NET") ? "re_net" : "re_mqtt");
    // A peer that breaks the protocol, or does not read, needs somebody to look at it.
    const isOdd = isRefused || /_[BPR]/.test(failure);
    const event = isRefused || failure.startsWith("E_MQTT_REFUSED") ? "refused" : "failed";
    rt.log(isOdd ? "E" : "W", "uplink", event, "code=" + failure);
    // A server that asks for patience, or needs it, does so for itself: the next URL is not made to wait.
    if (leastMs) untilMs[index] = uplink.patientMs = rt.nowMs() + leastMs;
    drop("url=" + index, isLong && index > urls.length - 2 ? spreadMs * 10 : spreadMs);
    failures++;
    index = (index + 1) % urls.length;
  }

  /** Ends a good connection in order and opens the next at once. */
  function again(reason: string, isBack?: boolean): void {
    rt.arm(slot, STOP_MS, attempt);
    isLeaving = true;
    leave("waiting", reason);
    (link as Link).stop(() => {
      if (stopDone || uplink.status === "waiting") rt.arm(slot, 0, attempt);
    }, isBack);
  }

  // Looks at the connection now and then. Only one that holds counts as success, or a peer that
  // accepts and drops would be called at the fastest pace for ever.
  function audit(): void {
    const now = rt.nowMs();
    rt.arm(slot, STABLE_MS, audit);
    if (!(link as Link).isOnline() || uplink.status !== "online")
      return onFail("E_NET seen=audit", false);
    uplink.onlineMs = now;
    if (now >= uplink.renewAtMs) return again("renew", true);
    if ((link as Link).isProved) {
      failures = 0;
      if (!index) preferMs = PREFER_MS;
      if (options.onHeld) options.onHeld();
    }
    if (
      index &&
      now >= preferAtMs &&
      !((untilMs[0] as number) > now) &&
      linkFor(urls[0] as string)
    ) {
      index = 0;
      preferMs = Math.min(preferMs * 2, 2400000);
      again("preferred");
    }
    return undefined;
  }

  function onOnline(detail: string): void {
    // Stopped by an answer of the handshake.
    if (stopDone) return;
    rt.arm(slot, STABLE_MS, audit);
    uplink.onlineMs = sinceMs = rt.nowMs();
    preferAtMs = uplink.onlineMs + preferMs;
    uplink.renewAtMs = options.renewalMs ? uplink.onlineMs + options.renewalMs() : Infinity;
    enter("online", "url=" + index + " session=" + identity.session + " " + detail);
    if (options.onChange) options.onChange(true);
  }

  /** Undefined: this program does not carry that scheme. */
  function linkFor(url: string): Link | undefined {
    return uplink.links[url[0] as string];
  }

  function attempt(): void {
    if (stopDone) return finishStop("ended");
    isLeaving = false;
    rt.arm(slot, config.connect_timeout_s * 1000, attempt);
    if (link) link.close();
    // A closed connection leaves cycles behind that only a collection finds, and here it delays
    // nothing: connecting blocks anyway.
    rt.collect();
    const url = urls[index] as string;
    let block = "";
    if (rt.radio && !rt.radio.address()) block = "E_WIFI";
    else if ((untilMs[index] as number) > rt.nowMs()) block = "E_HTTP_STATUS";
    // Over HTTP the server is asked for the time first.
    else if (url[0] !== "h" && (rt.quality === "none" || !identity.ensureBoot()))
      block = "E_CLOCK_NONE";
    if (block && block !== blockedBy) rt.log("W", "uplink", "blocked", "code=" + block);
    blockedBy = block;
    if (block) {
      // Another one may be asked for the time, or has not asked for patience.
      if (block !== "E_WIFI") index = (index + 1) % urls.length;
      return drop("code=" + block, spreadMs);
    }
    const target = options.targetOf(url);
    const next = linkFor(url);
    if (!next) return onFail("E_CONFIG key=urls", false);
    // What waits in a link of another kind must not wait for ever.
    if (link && next !== link) link.abandon();
    link = next;
    enter("opening", "host=" + target.host + " port=" + target.port);
    rt.feed();
    link.open(target);

    // Only now: opening may have blocked for longer than the deadline.
    return armBound(rt, slot, config.connect_timeout_s * 1000, () =>
      onFail(url[0] === "h" ? "E_HTTP_TIMEOUT" : "E_MQTT_TIMEOUT wait=connack", false),
    );
  }

  function finishStop(reason: string): void {
    const done = stopDone;
    stopDone = undefined;
    rt.disarm(slot);
    const { links } = uplink;
    for (const letter in links) {
      const each = links[letter] as Link;
      each.close();
      each.abandon();
    }
    leave("off", reason);
    if (done) done();
  }

  function publish(message: Message, done: Published): void {
    const first = link || linkFor(urls[0] as string);
    if (first) first.publish(message, done);
    else done("E_CONFIG key=urls");
  }

  function networkUp(): void {
    if (uplink.status !== "waiting" || isLeaving) return;
    failures = index = 0;
    // A tenth of the spread: a street whose power returns must not connect in one instant.
    rt.arm(slot, backoffMs(spreadMs / 10, 0, rt.random()), attempt);
  }

  function networkDown(): void {
    if (uplink.status === "opening" || uplink.status === "online")
      onFail("E_NET reason=network-down", false);
  }

  function stop(done: () => void): void {
    const { status } = uplink;
    stopDone = done;
    rt.arm(slot, STOP_MS, () => finishStop("deadline"));
    leave("stopping", "stop");
    if (status === "online") (link as Link).stop(() => rt.arm(slot, 0, () => finishStop("told")));
    // Otherwise it is saying goodbye already, see `again`.
    else if (!link || !link.isOnline()) rt.arm(slot, 0, () => finishStop("was-offline"));
  }

  uplink.onOnline = onOnline;
  uplink.connectedMs = connectedMs;
  uplink.onFail = onFail;
  uplink.onMessage = options.onMessage;
  uplink.onTime = options.onTime;
  uplink.publish = publish;
  uplink.networkUp = networkUp;
  uplink.networkDown = networkDown;
  uplink.stop = stop;
  enter("waiting", "start");
  networkUp();
  return uplink;
}
