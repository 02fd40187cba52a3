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
// `full`    | the same, and the oldest is lost   | none
// `backlog` | what waits is sent                 | turn
// `live`    | nothing waits                      | none
import type { Published } from "../core/message.ts";
import { SHORT_BYTES, endRecord, isRecord, readNumbers, writeRecord } from "../core/record.ts";
import type { Numbers } from "../core/record.ts";
import type { Runtime } from "../core/runtime.ts";
import { FLASH_PAGE_BYTES } from "../platform/board.ts";
import { BOOT, CLOCKS, INTERVAL, OFFSET, SEQ, STATE, UPTIME } from "../wire/heartbeat.ts";

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

const PER_RECORD = SHORT_BYTES / 2;

// CRC-32 of the bytes of a record that are all 0xFF.
const ERASED_CRC = 1037411053;

// A base takes whole places of a record.
const BASE_BYTES = 6 * SHORT_BYTES;

/** What an outbox is made of. */
export interface OutboxOptions {
  /** Sends a beat: as `submit`, and each call is answered once unless the program ends first. */
  publish(values: number[], rest: string, done: Published): void;
  /** Records of another device are as good as none. */
  deviceId: string;
  /** Whether time servers have yet to be heard: what waited is signed by the time it is sent at. */
  isTimeDue?(): boolean;
}

/** The service. */
export interface Outbox {
  /**
   * Publishes a beat or keeps it.
   *
   * @param values its numbers, see wire/heartbeat.ts; the outbox's from now on
   * @param rest its other members with the closing brace: `,"name":value}`
   * @param done gets no failure when it is kept, and a round trip time only when it was published;
   *   -1 when there was no answer to measure
   */
  submit(values: number[], rest: string, done: Published): void;
  /** The link can publish. */
  online(): void;
  /** It cannot any more. */
  offline(): void;
  /** Ends the service; what is in hand is written down. */
  stop(): void;
  status: "offline" | "full" | "backlog" | "live";
  /** Beats written to flash, sent from the backlog, and lost for want of room, since boot. */
  kept: number;
  replayed: number;
  dropped: number;
  /** Pages erased since the flash was new; each page an eighth of it. */
  wear: number;
}

/** A beat in RAM. */
interface Entry {
  values: number[];
  rest: string;
  /** Its record's place; 0: none. */
  at: number;
  /** The link has it. */
  isSent: boolean;
}

/** Creates the outbox, offline, and finds what is in flash. */
export function createOutbox(rt: Runtime, options: OutboxOptions): Outbox {
  const slot = rt.newSlot();
  // What is in RAM, oldest first.
  let entries: Entry[] = [];
  // Where the next record goes. Before the first page there is none.
  let head = FLASH_PAGE_BYTES - SHORT_BYTES;
  // All before it is sent or dropped, and the base of what is behind.
  let tail = head;
  let tailBase: Numbers;
  let headBase: Numbers | undefined;
  let isOnline = false;
  let isNewestDue = false;
  // What of the backlog is with the link.
  let replay: Entry | undefined;
  let waitedSteps = 0;

  function send(entry: Entry, done?: Published): void {
    const { values, rest, at } = entry;
    // Made without a clock, and there is one now. Only of this boot is it known what the time was.
    if (
      !((values[STATE] as number) & 12) &&
      rt.quality !== "none" &&
      (at || bootHead) >= bootHead
    ) {
      values[OFFSET] = rt.wallMs() - rt.nowMs();
      (values[STATE] as number) += CLOCKS.indexOf(rt.quality) * 4;
    }
    entry.isSent = true;
    options.publish(values, rest, function (failure, rttMs) {
      let verdict = failure;
      entry.isSent = false;
      if (replay === entry) replay = undefined;
      if (failure && !failure.startsWith("E_HTTP_STATUS")) {
        verdict = undefined;
        // As small as it gets: an author's members may be what the broker does not take.
        if (failure === "E_MQTT_DENIED") entry.rest = ',"compact":true}';
        work(entry);
        if (isOnline) rt.arm(slot, REPLAY_MS, work);
      } else {
        // One that was sent again before its answer came may be answered twice.
        if (!done && !failure && entries.includes(entry)) {
          outbox.replayed++;
          rt.count("acked");
        }
        entries = entries.filter((other) => other !== entry);
        // What is before the tail may have been erased since.
        if (entry.at && entry.at >= tail) endRecord(rt, entry.at % RING_BYTES);
        if (failure) {
          outbox.dropped++;
          // Whose `done` there is counts it there.
          if (!done) rt.count("dropped");
        }
      }
      if (done) done(verdict, failure || rttMs !== undefined ? rttMs : -1);
    });
  }

  /**
   * All that is not done for a beat that goes through, in one function whose helper and variables
   * exist only while it runs: keeps a beat, or without one sends the next of what waits.
   */
  function work(kept?: Entry): void {
    const owner = options.deviceId;

    /** Moves the tail to the next record that waits, over a few places at most. */
    function seek(): Numbers | undefined {
      for (let looks = 0; looks < LOOK_MAX; looks++) {
        const inPage = tail % FLASH_PAGE_BYTES;
        if (inPage > FLASH_PAGE_BYTES - SHORT_BYTES) tail += FLASH_PAGE_BYTES - inPage;
        if (tail >= head) break;
        const record = readNumbers(rt, tail % RING_BYTES, SHORT_BYTES);
        // A record counts from 1 behind its base; the first bytes of a base are 0.
        if (!record[0]) {
          const base = readNumbers(rt, tail % RING_BYTES, LONG_BYTES);
          if (isRecord(rt, base, owner)) {
            tailBase = base;
            tail += BASE_BYTES - SHORT_BYTES;
          }
        } else if (record[8] && isRecord(rt, record, owner)) return record;
        tail += SHORT_BYTES;
      }
      return undefined;
    }

    if (kept) {
      const isFew = rt.varsTotal - rt.varsInUse() < VARS_FEW;
      let over = entries.length - (isFew ? RAM_BEATS_FEW : RAM_BEATS);
      if (!kept.at && rt.flashErase) {
        const values = kept.values.concat(kept.values[INTERVAL] as number);
        const uptimeMs = values[UPTIME] as number;
        const restBytes = FLASH_PAGE_BYTES - (head % FLASH_PAGE_BYTES);
        values[UPTIME] = Math.floor(uptimeMs / HALF_MS);
        values[LOW] = uptimeMs % HALF_MS;
        if (restBytes < BASE_BYTES + SHORT_BYTES) head += restBytes;
        // What is a turn of the ring but for a page behind must go.
        const limit = head + FLASH_PAGE_BYTES - RING_BYTES;
        while (tail < limit)
          if (seek() && tail < limit) {
            outbox.dropped++;
            outbox.status = "full";
            rt.count("dropped");
            endRecord(rt, tail % RING_BYTES);
            tail += SHORT_BYTES;
          }
        if (head % FLASH_PAGE_BYTES === 0) {
          rt.flashErase(head % RING_BYTES);
          outbox.wear = head / FLASH_PAGE_BYTES;
          headBase = undefined;
        }
        for (;;) {
          const base = headBase || [];
          const record = new Int16Array(PER_RECORD);
          let isSmall = base[EVERY] === values[EVERY];
          for (let i = 0; i < BOOT; i++) {
            const step = (values[i] as number) - (base[i] as number);
            record[i] = step;
            if (record[i] !== step) isSmall = false;
          }
          if (isSmall && (record[SEQ] as number) > 0) {
            writeRecord(rt, head % RING_BYTES, record, owner);
            break;
          }
          // What cannot be counted from the last base gets one of its own. Its record counts 1.
          headBase = new Float64Array(values.concat(outbox.wear, 0));
          headBase[SEQ] = (values[SEQ] as number) - 1;
          writeRecord(rt, head % RING_BYTES, headBase, owner);
          head += BASE_BYTES;
        }
        kept.at = head;
        head += SHORT_BYTES;
        outbox.kept++;
      }
      entries = entries.filter((old) => {
        if (over < 1 || old.isSent) return true;
        over--;
        if (!old.at) {
          outbox.dropped++;
          outbox.status = "full";
          rt.count("dropped");
        }
        return false;
      });
      return;
    }

    let entry: Entry | undefined;
    outbox.status = "backlog";
    rt.arm(slot, REPLAY_MS, work);
    if (replay && ++waitedSteps < WAIT_STEPS) return;
    // The newest tells at once that the board lives. A clock from before a power cut signs tokens that
    // have expired: the broker would take them, and nobody else.
    if (!isNewestDue && options.isTimeDue && options.isTimeDue()) return;
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
        const rest = (rssi ? ',"telemetry":{"rssi":' + -rssi + "}" : "") + ',"compact":true}';
        entry = { values, rest, at: tail, isSent: false };
        entries.unshift(entry);
      }
    }
    if (!entry) {
      if (tail < head) return;
      rt.disarm(slot);
      outbox.status = "live";
      rt.log("I", "outbox", "live");
    } else if (!entry.isSent || ++waitedSteps > WAIT_STEPS) {
      waitedSteps = 0;
      replay = entry;
      send(entry);
    }
  }

  function offline(): void {
    isOnline = false;
    // Or the newest would wait for it on the next connection.
    replay = undefined;
    rt.disarm(slot);
    outbox.status = "offline";
    for (const entry of entries) work(entry);
  }

  const outbox: Outbox = {
    status: "offline",
    kept: 0,
    replayed: 0,
    dropped: 0,
    wear: 0,
    submit: function (values, rest, done) {
      const entry = { values, rest, at: 0, isSent: false };
      entries.push(entry);
      if (isOnline) send(entry, done);
      else {
        work(entry);
        done();
      }
    },
    online: function () {
      isOnline = isNewestDue = true;
      rt.arm(slot, 0, work);
    },
    offline,
    stop: offline,
  };

  /** Finds the newest page, and in it the first place that is erased. */
  function open(): void {
    let from = BASE_BYTES / SHORT_BYTES;
    let to = Math.floor(FLASH_PAGE_BYTES / SHORT_BYTES);
    for (let page = 0; page < RING_BYTES / FLASH_PAGE_BYTES; page++) {
      const base = readNumbers(rt, page * FLASH_PAGE_BYTES, LONG_BYTES);
      const number = base[PAGE] as number;
      if (number > outbox.wear && isRecord(rt, base, options.deviceId)) outbox.wear = number;
    }
    if (!outbox.wear) return;
    head = outbox.wear * FLASH_PAGE_BYTES;
    tail = Math.max(head - RING_BYTES + FLASH_PAGE_BYTES, FLASH_PAGE_BYTES);
    while (from < to) {
      const middle = (from + to) >> 1;
      const place = readNumbers(rt, (head + middle * SHORT_BYTES) % RING_BYTES, SHORT_BYTES);
      if (rt.crc32(new Uint8Array(place.buffer)) === ERASED_CRC) to = middle;
      else from = middle + 1;
    }
    head += from * SHORT_BYTES;
  }
  if (rt.flashRead) open();
  const bootHead = head;
  return outbox;
}
