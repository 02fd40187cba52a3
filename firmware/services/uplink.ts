// SPDX-License-Identifier: MIT
// The connection to the broker, kept: opens transports, runs the MQTT session over them, reconnects
// with jitter, says birth and shutdown. Other services publish through it and never see a socket.
//
// state    | entered when                      | timers armed     | leaves on
// OFF      | start of the program, stopped     | none             | `start`
// WAITING  | start, network down, any failure  | attempt          | attempt -> OPENING
// OPENING  | transport opened, CONNECT sent    | connect deadline | CONNACK 0 -> ONLINE, failure -> WAITING
// ONLINE   | CONNACK 0, birth published        | audit            | failure -> WAITING
// STOPPING | `stop`                            | stop deadline    | shutdown status acknowledged or given
//          |                                   |                  | up, then the socket flushed -> OFF
//
// Credentials that were refused (CONNACK 4, 5) and a client the broker does not want at all (1, 2)
// wait ten times as long: the answer will not change in seconds.
import { encodeStatus } from "../wire/status.ts";
import type { StatusReason } from "../wire/status.ts";
import { topicOf } from "../wire/topics.ts";
import { parseBrokerUrl } from "../wire/config.ts";
import type { BrokerAddress, Config } from "../wire/config.ts";
import { backoffMs } from "../lib/backoff.ts";
import { createState } from "../core/state.ts";
import { fail } from "../core/fail.ts";
import type { Failure } from "../core/fail.ts";
import { quoted } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";
import type { Platform, Timer } from "../platform/platform.ts";
import { openTcp } from "../transport/tcp.ts";
import type { Transport } from "../transport/transport.ts";
import { createSession } from "../mqtt/session.ts";
import type { Done, OutMessage } from "../mqtt/in-flight.ts";
import type { Identity } from "../auth/identity.ts";
import type { JwtManager } from "../auth/jwt.ts";

/** How long the shutdown status may wait for its PUBACK, and then the socket to flush, ms. */
export const STOP_MS = 1000;

/** A connection that lived this long resets the backoff, and is looked at as often, ms. */
export const STABLE_MS = 30000;

/** When a step was cut short by an out-of-memory, everything starts over after this time, ms. */
export const RECOVER_MS = 60000;

/** How often a connection repeats its birth over a foreign status: two devices that share an id by
 * mistake must not argue for ever. */
export const CORRECTIONS_MAX = 3;

/** What other services see of the uplink. */
export interface Publisher {
  /** Publishes; `done` comes exactly once unless the program ends first. */
  publish(message: OutMessage, done: Done): void;
}

/** The supervised connection. */
export interface Uplink extends Publisher {
  /** Connects and keeps connected; nothing when already started. */
  start(): void;
  /** Says goodbye within `STOP_MS` and ends; `done` is called once it is over. */
  stop(done: () => void): void;
  /** The board has an address again: the next attempt comes soon. */
  networkUp(): void;
  /** The board has lost its address. */
  networkDown(): void;
  /** Name of the state. */
  status(): string;
  /** Connections lost since boot. */
  reconnects(): number;
}

const OFF = 0;
const WAITING = 1;
const OPENING = 2;
const ONLINE = 3;
const STOPPING = 4;
const NAMES = ["off", "waiting", "opening", "online", "stopping"];
const NEXT = ["1", "24", "134", "14", "0"];

/**
 * Creates the uplink; `config` has been checked.
 *
 * @param onTurn called at each firing of its timer, at most 300 s apart: the time to look after
 *   chains of timers that an out-of-memory has broken
 */
export function createUplink(
  platform: Platform,
  config: Config,
  log: Logger,
  identity: Identity,
  jwt: JwtManager,
  onTurn: () => void,
): Uplink {
  const clock = platform.clock;
  const address = parseBrokerUrl(config.mqtt_url) as BrokerAddress;
  const state = createState(log, "uplink", NAMES, NEXT);
  const statusTopic = topicOf(config.topic_prefix, identity.id, "status");
  let transport: Transport | undefined;
  // One timer, armed in every state but OFF. It is armed anew before anything else is done: an
  // out-of-memory ends whatever runs, and what it cuts short is begun again by the next firing.
  let timer: Timer | undefined;
  let failures = 0;
  let lost = 0;
  let corrections = 0;
  let isBirthSeen = false;
  let stopDone: (() => void) | undefined;
  let isEnding = false;
  // What keeps attempts from being made, so that it is logged once and not at every retry.
  let blockedBy = "";

  function arm(delayMs: number, fn: () => void): void {
    const old = timer;
    timer = clock.after(delayMs, () => {
      timer = undefined;
      arm(RECOVER_MS, attempt);
      onTurn();
      fn();
    });
    if (old !== undefined) clock.cancel(old);
  }

  function drop(): void {
    const open = transport;
    transport = undefined;
    if (open) open.abort();
    session.close();
  }

  function wait(reason: string, spreadMs: number): void {
    const delayMs = backoffMs(spreadMs, failures, platform.system.random());
    arm(delayMs, attempt);
    drop();
    state.set(WAITING, reason + " retry_ms=" + delayMs);
  }

  function onFail(failure: Failure, connackCode: number): void {
    const factor = connackCode && connackCode !== 3 ? 10 : 1;
    const line = "code=" + failure.code + " " + failure.text;
    const isStopping = state.now === STOPPING;
    if (state.now === ONLINE) lost++;
    if (!isStopping) wait("code=" + failure.code, config.reconnect_spread_s * 1000 * factor);
    failures++;
    if (connackCode) log.error("uplink", "refused", line);
    else if (failure.code === "E_MQTT_PROTOCOL" || failure.code === "E_MQTT_BUFFER")
      log.error("uplink", "failed", line);
    else log.warn("uplink", "failed", line);
    if (isStopping) finishStop("failed", false);
  }

  const session = createSession(
    clock,
    log,
    {
      // An answer that comes when the next PINGREQ would be due is too late; 0 sends none.
      pingMs: 1000 * Math.min(config.ping_timeout_s, config.keep_alive_s * 0.75),
      ackMs: config.ack_timeout_s * 1000,
    },
    {
      send: (bytes) => !!transport && transport.write(bytes),
      pendingBytes: () => (transport ? transport.pendingBytes() : 0),
      onFail,
      // Through an arrow: the function is defined further down, and nothing is hoisted.
      // The hop keeps the calls shallow: CONNACK was read at the end of a long chain.
      onOnline: (isPresent) => arm(0, () => online(isPresent)),
      onMessage: (topic, payload) => onStatus(topic, payload),
    },
  );

  function sayStatus(reason: StatusReason, done: Done): void {
    const body = encodeStatus(identity.id, reason, identity.boot, identity.session);
    session.publish({ topic: statusTopic, body, qos: 1, retain: true, seq: 0 }, done);
  }

  function sayBirth(): void {
    sayStatus("birth", (failure) => {
      if (failure) log.warn("uplink", "birth-failed", "code=" + failure.code);
    });
  }

  // The device reads its own retained status. The will of an earlier connection can land after the
  // birth of this one, and would leave a living device marked offline for ever. What comes before
  // the echo of the birth is older than the birth and needs no answer.
  function onStatus(topic: string, payload: string): void {
    if (topic !== statusTopic || state.now !== ONLINE) return;
    if (payload === encodeStatus(identity.id, "birth", identity.boot, identity.session)) {
      isBirthSeen = true;
      return;
    }
    if (!isBirthSeen || corrections >= CORRECTIONS_MAX) return;
    isBirthSeen = false;
    corrections++;
    log.warn("uplink", "status-corrected", "count=" + corrections);
    sayBirth();
  }

  // Looks at the connection from outside now and then. Only one that holds counts as success, or a
  // broker that accepts and drops would be called at the fastest pace for ever.
  function audit(): void {
    if (!session.isOnline()) return onFail(fail("E_MQTT_CLOSED", "seen=audit"), 0);
    failures = 0;
    return arm(STABLE_MS, audit);
  }

  function online(isPresent: boolean): void {
    arm(STABLE_MS, audit);
    state.set(ONLINE, "session=" + identity.session + " present=" + (isPresent ? 1 : 0));
    corrections = 0;
    isBirthSeen = false;
    session.resume();
    sayBirth();
    session.subscribe(statusTopic, 1, (failure) => {
      if (failure && failure.code === "E_MQTT_SUBSCRIBE")
        log.error("uplink", "not-subscribed", "code=E_MQTT_SUBSCRIBE topic=" + quoted(statusTopic));
    });
  }

  function onOpen(): void {
    // Before CONNECT, because the will carries the session it was registered in.
    identity.session++;
    session.open({
      clientId: identity.id,
      username: identity.id,
      password: jwt.connection(),
      keepAliveSec: config.keep_alive_s,
      cleanSession: config.clean_session,
      willTopic: statusTopic,
      willPayload: encodeStatus(identity.id, "will", identity.boot, identity.session),
    });
  }

  /** Ends a stop that an out-of-memory has cut short. */
  function stopAgain(): void {
    isEnding = false;
    finishStop("again", false);
  }

  function attempt(): void {
    if (stopDone) return stopAgain();
    drop();
    // A closed connection leaves cycles behind that only a collection finds, and here it delays
    // nothing: connecting blocks anyway.
    platform.system.collect();
    let block = "";
    if (clock.quality() === "none" || !identity.ensureBoot()) block = "code=E_CLOCK_NONE";
    else if (platform.radio && !platform.radio.address()) block = "code=E_WIFI";
    if (block !== blockedBy && block) log.warn("uplink", "blocked", block);
    blockedBy = block;
    if (block) return wait(block, config.reconnect_spread_s * 1000);
    state.set(OPENING, "host=" + address.host + " port=" + address.port);
    transport = openTcp(platform.net, clock, address.host, address.port, {
      onOpen,
      onData: session.feed,
      onClose: (reason) => onFail(fail("E_NET", "reason=" + reason), 0),
    });
    // Only now: opening may have blocked for longer than the deadline.
    return arm(config.connect_timeout_s * 1000, () =>
      onFail(fail("E_MQTT_TIMEOUT", "wait=connack"), 0),
    );
  }

  /** Ends the connection. DISCONNECT only if the shutdown was handed over, acknowledged or not; else
   * the will shall tell it. */
  function finishStop(reason: string, isTold: boolean): void {
    // Closing answers what waits, the shutdown status among it, and that leads here again.
    if (isEnding) return;
    isEnding = true;
    const open = transport;
    const end = (): void => {
      const done = stopDone;
      stopDone = undefined;
      isEnding = false;
      if (timer !== undefined) clock.cancel(timer);
      timer = undefined;
      state.set(OFF, reason);
      if (done) done();
    };
    if (isTold) {
      session.disconnect();
      transport = undefined;
    }
    drop();
    session.abandon();
    // Off only when DISCONNECT has left: whoever cuts the power at `stopped` must not wake the will.
    if (isTold && open) open.end(STOP_MS, end);
    else end();
  }

  return {
    start: () => {
      if (state.now === STOPPING) stopAgain();
      if (state.now !== OFF) return;
      failures = 0;
      state.set(WAITING, "start");
      // A tenth of the spread: a street whose power returns must not connect in one instant.
      arm(backoffMs(config.reconnect_spread_s * 100, 0, platform.system.random()), attempt);
    },
    stop: (done) => {
      if (stopDone) return log.warn("uplink", "already-stopping");
      stopDone = done;
      if (state.now === OFF) return finishStop("was-off", false);
      const isOnline = state.now === ONLINE;
      arm(STOP_MS, () => finishStop("deadline", true));
      state.set(STOPPING, "stop");
      if (!isOnline) return finishStop("was-offline", false);
      sayStatus("shutdown", (failure) => {
        // The hop again: PUBACK was read at the end of a long chain.
        if (!isEnding) arm(0, () => finishStop(failure ? "failed" : "told", !failure));
      });
      return undefined;
    },
    networkUp: () => {
      if (state.now === WAITING) {
        failures = 0;
        arm(backoffMs(config.reconnect_spread_s * 100, 0, platform.system.random()), attempt);
      }
    },
    networkDown: () => {
      if (state.now === OPENING || state.now === ONLINE)
        onFail(fail("E_NET", "reason=network-down"), 0);
    },
    publish: (message, done) => {
      // The heartbeat's chain is another one: it finds when this one could not even be armed.
      if (timer === undefined && state.now !== OFF) arm(RECOVER_MS, attempt);
      session.publish(message, done);
    },
    status: () => state.text(),
    reconnects: () => lost,
  };
}
