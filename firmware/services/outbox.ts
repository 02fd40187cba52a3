// SPDX-License-Identifier: MIT
// Keeps beats that cannot be sent: the newest in RAM as they were made, all of them in flash as
// records from which a compact beat can be made. Why there and so: docs/decisions/0030.
//
// A beat that is submitted online goes to the link and costs the flash nothing. What fails, what is
// submitted offline and what is still unanswered when the connection ends is written down at once.
// Back online the newest beat is sent first, then the backlog from the oldest on, one a second, the
// next only when the one before is acknowledged.
//
//   page  | base | record | record | base | record | ... | erased     8 of them, a ring
//   base    what the records behind it count from: boot, session, seq, uptime, time, interval
//
// Places in the ring are counted on for ever: place % RING_BYTES is an address, place / page is the
// number of the page and the count of erased pages. The oldest records make room at the pace at
// which new ones come; a page is erased when none is left in it.
//
// status    | means                              | timer
// `offline` | what is submitted is kept          | none
// `backlog` | what waits is sent                 | turn
// `live`    | nothing waits                      | none
import type { Message, Publish, Published } from "../core/message.ts";
import { SHORT_BYTES, isRecord, readNumbers, writeFlash, writeRecord } from "../core/record.ts";
import type { Numbers } from "../core/record.ts";
import type { Runtime } from "../core/runtime.ts";
import { FLASH_PAGE_BYTES } from "../platform/board.ts";
import {
  BOOT,
  CLOCKS,
  INTERVAL,
  OFFSET,
  SEQ,
  STATE,
  UPTIME,
  encodeHeartbeat,
} from "../wire/heartbeat.ts";

/** Flash that the ring takes, from address 0 on. */
export const RING_BYTES = 8 * FLASH_PAGE_BYTES;

/** Most beats kept in RAM as they were made; with little memory fewer. */
export const RAM_BEATS = 10;

/** The same when fewer than VARS_FEW variables are free. */
export const RAM_BEATS_FEW = 2;

/** See RAM_BEATS_FEW. */
export const VARS_FEW = 3000;

/** From one beat of the backlog to the next, ms. */
export const REPLAY_MS = 1000;

/** After so many of these steps an answer is not waited for any more. */
export const WAIT_STEPS = 120;

/** Most places of the ring that one turn looks at. */
export const LOOK_MAX = 40;

// Of the numbers of a beat a base has UPTIME in two halves, the low one in place of INTERVAL, and
// behind BOOT the interval, the number of its page and a check sum. A record is what is to be added
// to the first eight.
const HALF_MS = 32768;
const LOW = INTERVAL;
const EVERY = BOOT + 1;
const PAGE = EVERY + 1;
const LONG_BYTES = 8 * (PAGE + 2);

// A base takes whole places of a record.
const BASE_BYTES = 6 * SHORT_BYTES;

/** What an outbox is made of. */
export interface OutboxOptions {
  /** The uplink's. Each call is answered once unless the program ends first. */
  publish: Publish;
  /** Topic and QoS of what is made from records. */
  topic: string;
  qos: number;
  /** Records of another device are as good as none. */
  deviceId: string;
}

/** The service. */
export interface Outbox {
  /**
   * Publishes a beat or keeps it. `values` are the numbers that the first members of its body were
   * encoded from; they and the message are the outbox's from now on. `done` gets no failure when it
   * is kept, and the round trip time only when it was published.
   */
  submit(message: Message, done: Published, values: number[]): void;
  /** The link can publish. */
  online(): void;
  /** It cannot any more. */
  offline(): void;
  /** Ends the service; what is in hand is written down. */
  stop(): void;
  status: "offline" | "backlog" | "live";
  /** Beats written to flash, sent from the backlog, and lost for want of room, since boot. */
  kept: number;
  replayed: number;
  dropped: number;
  /** Pages erased since the flash was new; each page an eighth of it. */
  wear: number;
}

interface Entry extends Message {
  values?: number[];
  /** Its record's place; 0: none. */
  at?: number;
  /** The link has it. */
  isSent?: boolean;
}

/** Creates the outbox, offline, and finds what is in flash. */
export function createOutbox(rt: Runtime, options: OutboxOptions): Outbox {
  const owner = options.deviceId;
  const slot = rt.newSlot();
  // What is in RAM, oldest first.
  let entries: Entry[] = [];
  // Where the next record goes. Before the first page there is none.
  let head = FLASH_PAGE_BYTES - SHORT_BYTES;
  // All before it is sent or dropped, and the base of what is behind.
  let tail = head;
  let tailBase: Numbers;
  let headBase: Numbers | number[] = [];
  let isOnline = false;
  let isNewestDue = false;
  // What of the backlog is with the link.
  let replay: Entry | undefined;
  let waitedSteps = 0;

  function mark(at: number | undefined): void {
    // What is before the tail may have been erased since.
    if (at && at >= tail) writeFlash(rt, (at % RING_BYTES) + SHORT_BYTES - 2, new Uint8Array(2));
  }

  /**
   * Moves the tail to the next record that waits, over a few places at most.
   * @returns that record, or nothing when there is none or it was not reached.
   */
  function seek(): Numbers | undefined {
    for (let looks = 0; looks < LOOK_MAX; looks++) {
      const inPage = tail % FLASH_PAGE_BYTES;
      if (inPage > FLASH_PAGE_BYTES - SHORT_BYTES) tail += FLASH_PAGE_BYTES - inPage;
      if (tail >= head) break;
      const at = tail % RING_BYTES;
      const record = readNumbers(rt, at, SHORT_BYTES);
      // A record counts from 1 behind its base; the first bytes of a base are 0.
      if (record[0] === 0) {
        const base = readNumbers(rt, at, LONG_BYTES);
        if (isRecord(rt, base, owner)) {
          tailBase = base;
          tail += BASE_BYTES;
          continue;
        }
      } else if (record[8] && isRecord(rt, record, owner)) return record;
      tail += at % FLASH_PAGE_BYTES ? SHORT_BYTES : FLASH_PAGE_BYTES;
    }
    return undefined;
  }

  /** Writes the record of a beat, and lets the oldest in RAM go when there are too many. */
  function keep(entry: Entry): void {
    const isFew = rt.varsTotal() - rt.varsInUse() < VARS_FEW;
    let over = entries.length - (isFew ? RAM_BEATS_FEW : RAM_BEATS);
    if (!entry.at && rt.flashErase) {
      const beat = entry.values as number[];
      const uptimeMs = beat[UPTIME] as number;
      const values = beat.concat(beat[INTERVAL] as number);
      values[UPTIME] = Math.floor(uptimeMs / HALF_MS);
      values[LOW] = uptimeMs % HALF_MS;
      const restBytes = FLASH_PAGE_BYTES - (head % FLASH_PAGE_BYTES);
      let record: Numbers | undefined;
      if (restBytes < BASE_BYTES + SHORT_BYTES) head += restBytes;
      // What a turn of the ring but for a page is behind must go.
      while (tail < head + FLASH_PAGE_BYTES - RING_BYTES)
        if (seek() && tail < head + FLASH_PAGE_BYTES - RING_BYTES) {
          outbox.dropped++;
          mark(tail);
          tail += SHORT_BYTES;
        }
      if (head % FLASH_PAGE_BYTES === 0) {
        rt.flashErase(head % RING_BYTES);
        outbox.wear = head / FLASH_PAGE_BYTES;
        headBase = [];
      }
      while (!record) {
        const steps: number[] = [];
        for (let i = 0; i < BOOT; i++) steps.push((values[i] as number) - (headBase[i] as number));
        steps.push(0);
        record = new Int16Array(steps);
        // The first number of a record is 1 or more: 0 is how a base begins. What cannot be counted
        // from the last base gets one of its own.
        if (
          headBase[EVERY] !== values[EVERY] ||
          (steps[SEQ] as number) < 1 ||
          record.join() !== steps.join()
        ) {
          record = undefined;
          headBase = new Float64Array(values.concat(outbox.wear, 0));
          headBase[SEQ] = (values[SEQ] as number) - 1;
          writeRecord(rt, head % RING_BYTES, headBase, owner);
          head += BASE_BYTES;
        }
      }
      writeRecord(rt, head % RING_BYTES, record, owner);
      entry.at = head;
      head += SHORT_BYTES;
      outbox.kept++;
    }
    entries = entries.filter((old) => {
      if (over < 1 || old.isSent) return true;
      over--;
      if (!old.at) outbox.dropped++;
      return false;
    });
  }

  function send(entry: Entry, done?: Published): void {
    const values = entry.values as number[];
    // Made without a clock, and there is one now. Only of this boot is it known what the time was.
    if (
      !((values[STATE] as number) & 12) &&
      rt.quality !== "none" &&
      (entry.at || bootHead) >= bootHead
    ) {
      const chars = encodeHeartbeat(owner, values).length;
      values[OFFSET] = rt.wallMs() - rt.nowMs();
      (values[STATE] as number) += CLOCKS.indexOf(rt.quality) * 4;
      entry.body = encodeHeartbeat(owner, values) + entry.body.slice(chars);
    }
    entry.isSent = true;
    options.publish(entry, function (failure, rttMs) {
      const isReplay = replay === entry;
      const isKept = !!failure && !failure.startsWith("E_HTTP_STATUS");
      if (isReplay) replay = undefined;
      entry.isSent = false;
      if (isKept) {
        keep(entry);
        if (isOnline) rt.arm(slot, REPLAY_MS, turn);
      } else {
        entries = entries.filter((other) => other !== entry);
        mark(entry.at);
        if (failure) outbox.dropped++;
        else if (isReplay) outbox.replayed++;
      }
      if (done) done(isKept ? undefined : failure, rttMs);
    });
  }

  /** Sends the next of what waits. */
  function turn(): void {
    let entry: Entry | undefined;
    outbox.status = "backlog";
    rt.arm(slot, REPLAY_MS, turn);
    if (replay && ++waitedSteps < WAIT_STEPS) return;
    waitedSteps = 0;
    if (isNewestDue) {
      isNewestDue = false;
      entry = entries[entries.length - 1];
    } else {
      const record = seek();
      for (const other of entries)
        if (!entry && (record ? other.at === tail : !other.isSent)) entry = other;
      if (record && !entry) {
        const values: number[] = [];
        for (let i = 0; i < EVERY; i++)
          values.push((tailBase[i] as number) + (i < BOOT ? (record[i] as number) : 0));
        values[UPTIME] = (values[UPTIME] as number) * HALF_MS + (values[LOW] as number);
        values[INTERVAL] = tailBase[EVERY] as number;
        const rssi = (values[STATE] as number) >> 4;
        const { topic, qos } = options;
        const body =
          encodeHeartbeat(owner, values) +
          (rssi ? ',"telemetry":{"rssi":' + -rssi + "}" : "") +
          ',"compact":true}';
        entry = { topic, qos, body, seq: values[SEQ] as number, values, at: tail };
        entries.unshift(entry);
      }
    }
    if (!entry) {
      if (tail < head) return;
      rt.disarm(slot);
      outbox.status = "live";
      rt.log("I", "outbox", "live", "replayed=" + outbox.replayed + " dropped=" + outbox.dropped);
    } else if (!entry.isSent) {
      replay = entry;
      send(entry);
    }
  }

  /** Finds the newest page, and in it the first place that is erased. */
  function open(): void {
    let newest = 0;
    for (let page = 0; page < RING_BYTES / FLASH_PAGE_BYTES; page++) {
      const base = readNumbers(rt, page * FLASH_PAGE_BYTES, LONG_BYTES);
      const number = base[PAGE] as number;
      if (number > newest && isRecord(rt, base, owner)) newest = number;
    }
    if (!newest) return;
    const erased = new Int16Array(9).fill(-1).join();
    let from = BASE_BYTES / SHORT_BYTES;
    let to = Math.floor(FLASH_PAGE_BYTES / SHORT_BYTES);
    while (from < to) {
      const middle = (from + to) >> 1;
      const at = (newest * FLASH_PAGE_BYTES + middle * SHORT_BYTES) % RING_BYTES;
      if (readNumbers(rt, at, SHORT_BYTES).join() === erased) to = middle;
      else from = middle + 1;
    }
    head = newest * FLASH_PAGE_BYTES + from * SHORT_BYTES;
    tail = Math.max(newest - 7, 1) * FLASH_PAGE_BYTES;
    outbox.wear = newest;
  }

  function offline(): void {
    isOnline = false;
    rt.disarm(slot);
    outbox.status = "offline";
    for (const entry of entries) keep(entry);
  }

  const outbox: Outbox = {
    status: "offline",
    kept: 0,
    replayed: 0,
    dropped: 0,
    wear: 0,
    submit: function (message, done, values) {
      const entry: Entry = message;
      entry.values = values;
      entries.push(entry);
      if (isOnline) send(entry, done);
      else {
        keep(entry);
        done();
      }
    },
    online: function () {
      isOnline = isNewestDue = true;
      rt.arm(slot, 0, turn);
    },
    offline,
    stop: offline,
  };
  if (rt.flashRead) open();
  const bootHead = head;
  return outbox;
}
