// SPDX-License-Identifier: MIT
// The platform on Espruino: the one file that names interpreter globals and built-in modules. What
// the interpreter really does is told where the code looks odd for it; measured on 2v29.
import type { Hash, Platform, Radio, Socket, SocketEvents } from "./platform.ts";

// 2026-01-01. A board whose clock shows less has not been told the time since power-up.
const CLOCK_FLOOR_MS = 1767225600000;

// Below this many free JsVars it is worth while to look for garbage.
const VARS_FEW = 2000;

// The longest time in which nobody asks for the time is one heartbeat interval, at most a day.
const STEP_MS = 2 * 86400000;

const Storage = require("Storage");

// `getTime` is the wall clock and steps when somebody sets it (a console, a tool that uploads).
// Steps backwards and leaps over two days are taken out again.
function createNow(): () => number {
  let baseSec = getTime();
  let lastMs = 0;
  return () => {
    let nowMs = Math.floor((getTime() - baseSec) * 1000);
    if (nowMs < lastMs || nowMs > lastMs + STEP_MS) {
      baseSec += (nowMs - lastMs) / 1000;
      nowMs = lastMs;
    }
    lastMs = nowMs;
    return nowMs;
  };
}

function openSocket(
  wifi: EspruinoWifi | undefined,
  host: string,
  port: number,
  events: SocketEvents,
): Socket {
  let socket: EspruinoSocket | undefined;
  let isOver = false;
  let queuedBytes = 0;
  let reason = "ended";

  function over(why: string): void {
    if (isOver) return;
    isOver = true;
    events.onClose(why);
  }

  function connect(address: string): void {
    if (isOver) return;
    try {
      // The callback and a 'connect' listener together abort the interpreter: only the callback.
      socket = require("net").connect({ host: address, port }, () => {
        if (!isOver) events.onOpen();
      });
    } catch (error) {
      // Refused and unknown hosts are thrown at once, after blocking; the text is all there is.
      const text = "" + error;
      setTimeout(over, 0, text.indexOf("locate") >= 0 ? "dns" : "refused");
      return;
    }
    socket.on("data", (bytes: string) => {
      if (!isOver) events.onData(bytes);
    });
    socket.on("drain", () => {
      queuedBytes = 0;
    });
    socket.on("error", () => {
      reason = "error";
    });
    // FIN and RST look the same here, and 'end' always comes with 'close'.
    socket.on("close", () => over(reason));
  }

  // A name is resolved by the radio where there is one: the interpreter's own resolver blocks.
  if (wifi && /[^0-9.]/.test(host))
    wifi.getHostByName(host, (ip) => (ip ? connect(ip) : over("dns")));
  else connect(host);
  return {
    write: (bytes) => {
      if (isOver || !socket) return false;
      try {
        socket.write(bytes);
      } catch {
        // "This socket is closed": its 'close' is on the way.
        return false;
      }
      // `write` never refuses and answers false always; 'drain' comes when all has been sent.
      queuedBytes += bytes.length;
      return true;
    },
    pendingBytes: () => queuedBytes,
    end: () => {
      if (socket) socket.end();
      else over("ended");
    },
    abort: () => {
      isOver = true;
      if (!socket) return;
      socket.end();
      // `end` waits for a peer that reads; this flag of the interpreter's own closes at its next
      // pass. It is not documented; measured on 2v29.
      socket.clsNow = true;
    },
  };
}

function createRadio(wifi: EspruinoWifi): Radio {
  function address(): string | undefined {
    const ip = wifi.getIP().ip;
    return ip && ip !== "0.0.0.0" ? ip : undefined;
  }
  return {
    listen: (events) => {
      wifi.on("connected", (info: { ip: string }) => events.onUp(info.ip));
      wifi.on("disconnected", (info: { reason: string }) => events.onDown(info.reason));
    },
    join: (ssid, password, done) => {
      try {
        wifi.connect(ssid, { password }, done);
      } catch (error) {
        done("" + error);
      }
    },
    address,
    rssiDbm: () => (address() ? wifi.getStatus().rssi : undefined),
  };
}

function createHash(): Hash | undefined {
  let crypto: EspruinoCrypto;
  try {
    crypto = require("crypto");
  } catch {
    return undefined;
  }
  const digest = crypto.SHA256;
  // ESP32_IDF4 builds have no SHA-256.
  if (!digest) return undefined;
  // Translates base64 to base64url byte by byte, natively.
  const table = new Uint8Array(256);
  for (let i = 0; i < 256; i++) table[i] = i;
  table[43] = 45;
  table[47] = 95;
  return {
    sha256: (bytes) => E.toString(digest(bytes)),
    base64url: (bytes) => {
      // The array is an alias of a string that nobody else holds, so it can be changed in place.
      const text = new Uint8Array(E.toArrayBuffer(btoa(bytes)));
      E.mapInPlace(text, text, table);
      const pad = bytes.length % 3;
      return E.toString(pad ? text.subarray(0, text.length - 3 + pad) : text);
    },
    fromBase64url: (text) => atob(text.replace(/-/g, "+").replace(/_/g, "/")),
  };
}

/** Builds the platform on the interpreter that runs this. */
export function createEspruino(): Platform {
  let wifi: EspruinoWifi | undefined;
  try {
    wifi = require("Wifi");
  } catch {
    // No radio: a process, or a board on a wire.
  }
  const platform: Platform = {
    clock: {
      nowMs: createNow(),
      wallMs: () => Math.floor(Date.now()),
      quality: () => (Date.now() < CLOCK_FLOOR_MS ? "none" : "plausible"),
      after: (delayMs, fn) => setTimeout(fn, delayMs),
      cancel: (timer) => clearTimeout(timer),
    },
    net: { connect: (host, port, events) => openSocket(wifi, host, port, events) },
    store: {
      read: (name) => Storage.read(name),
      write: (name, data) => {
        try {
          Storage.write(name, data);
        } catch (error) {
          return "" + error;
        }
        return undefined;
      },
    },
    system: {
      serial: () => getSerial(),
      seed: (value) => E.srand(value | 0),
      random: () => Math.random(),
      varsInUse: () => process.memory(false).usage,
      varsFree: () => {
        const free = process.memory(false).free;
        return free < VARS_FEW ? process.memory().free : free;
      },
      collect: () => {
        process.memory();
      },
      version: () => process.version,
      print: (line) => print(line),
      onFault: (fn) => {
        process.on("uncaughtException", (error: unknown) => fn("exception " + error));
        E.on("errorFlag", (flags: string[]) => fn("flags " + flags.join()));
      },
      expose: (name, value) => {
        (global as unknown as { [name: string]: unknown })[name] = value;
      },
    },
  };
  const hash = createHash();
  if (hash) platform.hash = hash;
  if (wifi) platform.radio = createRadio(wifi);
  return platform;
}
