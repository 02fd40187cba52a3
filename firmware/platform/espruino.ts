// SPDX-License-Identifier: MIT
// The board on Espruino: with the `espruino-*` files beside it the only code that names interpreter
// globals and built-in modules. Native functions are handed on as they are wherever their arguments
// fit, which costs a fifth of a function of ours. What the interpreter really does is told where the
// code looks odd for it; measured on 2v29.
import type { Board, Radio } from "./board.ts";

// A leap beyond what the scheduler sleeps and a blocking call may take is a step of the wall clock.
const STEP_MS = 240000;

// What a file takes beside its contents: head and alignment.
const HEAD_BYTES = 36;

// No answer about a name comes later; lwIP gives up after 7 s, other resolvers after two minutes.
const NAME_MS = 125000;

function createRadio(wifi: EspruinoWifi): Radio {
  function address(): string | undefined {
    const ip = wifi.getIP().ip;
    return ip && ip !== "0.0.0.0" ? ip : undefined;
  }
  return {
    listen: function (onUp, onDown) {
      wifi.removeAllListeners("connected");
      wifi.removeAllListeners("disconnected");
      wifi.on("connected", (info: { ip: string }) => onUp(info.ip));
      wifi.on("disconnected", (info: { reason: string }) => onDown(info.reason));
    },
    join: function (ssid, password, done) {
      try {
        wifi.connect(ssid, { password }, done);
      } catch (error) {
        done("" + error);
      }
    },
    leave: wifi.disconnect,
    address,
    rssiDbm: function () {
      return address() ? wifi.getStatus().rssi : undefined;
    },
  };
}

function find<T>(load: () => T): T | undefined {
  try {
    return load();
  } catch {
    return undefined;
  }
}

/** Builds the board on the interpreter that runs this. */
export function createBoard(): Board {
  const storage = require("Storage");
  const wifi = find(() => require("Wifi"));
  const crypto = find(() => require("crypto"));
  // `getTime` is the wall clock and steps when somebody sets it (a console, a tool that uploads).
  // Steps backwards and leaps are taken out again.
  // It is asked more often than anything else. A name of the interpreter's own is looked for in all
  // scopes first, and `Math.floor` in all of `Math`.
  const clock = getTime;
  let baseSec = clock();
  let lastMs = 0;
  function nowMs(): number {
    let now = (clock() - baseSec) * 1000;
    now -= now % 1;
    if (now < lastMs || now > lastMs + STEP_MS) {
      baseSec += (now - lastMs) / 1000;
      now = lastMs;
    }
    lastMs = now;
    return now;
  }

  const board: Board = {
    nowMs,
    systemMs: function () {
      return Math.floor(Date.now());
    },
    after: setTimeout,
    cancel: clearTimeout,
    hasTls: !!find(() => require("tls")),
    connect: function (endpoint, events) {
      let socket: EspruinoSocket | undefined;
      let isOver = false;
      let queuedBytes = 0;
      // What waits for the last bytes to leave.
      let flushed: (() => void) | undefined;

      function over(reason: string): void {
        const done = flushed;
        board.busy = "";
        flushed = undefined;
        if (done) done();
        else if (!isOver) {
          isOver = true;
          events.onClose(reason);
        }
      }

      function open(address: string | null): void {
        if (isOver) return;
        if (!address) return over("dns");
        // What is written leaves in the idle loop.
        if (board.beforeBlock && board.beforeBlock()) return void setTimeout(open, 20, address);
        const { tls, port } = endpoint;
        const beforeMs = nowMs();
        let blockedBy = "connect";
        // The call may stand still for as long as the watchdog waits.
        board.feed();
        const options = Object.assign({ host: address, port }, tls);
        try {
          // The callback and a 'connect' listener together abort the interpreter: only the callback.
          socket = (tls ? require("tls") : require("net")).connect(options, () => {
            if (!isOver) events.onOpen();
          });
        } catch (error) {
          // Refused and unknown hosts are thrown at once, after blocking; the text is all there is.
          // oxlint-disable-next-line typescript/no-deprecated -- no message ends so
          if (("" + error).indexOf("locate") >= 0) blockedBy = "dns";
          setTimeout(over, 0, blockedBy === "dns" ? blockedBy : "refused");
        }
        board.blockedMs = nowMs();
        if (board.onStall) board.onStall(board.blockedMs - beforeMs, blockedBy);
        if (!socket) return undefined;
        // The handshake comes in the interpreter's own time.
        if (tls) board.busy = "tls";
        socket.on("data", (bytes: string) => {
          board.busy = "";
          if (!isOver) events.onData(bytes);
        });
        socket.on("drain", () => {
          queuedBytes = 0;
        });
        // FIN and RST look the same here, and 'end' always comes with 'close'. TLS peers that say
        // goodbye in order count as an error.
        socket.on("close", (hadError) => over(hadError ? "error" : "ended"));
        return undefined;
      }

      function abort(): void {
        isOver = true;
        if (!socket) return;
        socket.end();
        // `end` waits for a peer that reads; this flag of the interpreter's own closes at its next
        // pass. It is not documented; measured on 2v29.
        socket.clsNow = true;
      }

      // A name is resolved by the radio where there is one: the interpreter's own resolver blocks.
      if (board.resolve && /[^0-9.]/.test(endpoint.host)) board.resolve(endpoint.host, open);
      else open(endpoint.host);
      return {
        write: function (bytes) {
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
        pendingBytes: function () {
          return queuedBytes;
        },
        abort,
        end: function (flushMs, done) {
          if (isOver || !socket) {
            isOver = true;
            return done();
          }
          isOver = true;
          // A peer that does not read would keep the socket for ever.
          const timer = setTimeout(() => {
            abort();
            over("");
          }, flushMs);
          flushed = () => {
            clearTimeout(timer);
            done();
          };
          socket.end();
          return undefined;
        },
      };
    },
    read: storage.read,
    write: function (name, data, offsetBytes, sizeBytes) {
      // A write that finds no room compacts, which blocks for seconds and moves the code that runs.
      if (!offsetBytes && storage.getFree() < (sizeBytes || data.length) + HEAD_BYTES)
        return "full";
      try {
        storage.write(name, data, offsetBytes, sizeBytes);
      } catch (error) {
        return "" + error;
      }
      return undefined;
    },
    erase: storage.erase,
    storeFreeBytes: storage.getFree,
    base64: btoa,
    base64url: function (bytes) {
      // For 32 bytes half of what a table costs that is applied natively, and the table itself.
      const text = btoa(bytes).replaceAll("+", "-").replaceAll("/", "_");
      return text.slice(0, (bytes.length * 4 + 2) / 3);
    },
    fromBase64url: function (text) {
      return atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    },
    crc32: E.CRC32,
    serial: getSerial,
    seed: E.srand,
    random: Math.random,
    varsInUse: function () {
      return process.memory(false).usage;
    },
    varsTotal: process.memory(false).total,
    collect: function () {
      return process.memory().free;
    },
    version: process.version,
    print,
    onFault: function (fn) {
      process.on("uncaughtException", (error: unknown) => fn("exception " + error));
      E.on("errorFlag", (flags: string[]) => fn("flags " + flags.join()));
    },
    expose: function (name, value) {
      (global as unknown as { [name: string]: unknown })[name] = value;
    },
    reboot: E.reboot,
    restart: load,
    watchdog: E.enableWatchdog,
    feed: E.kickWatchdog,
  };
  // On the ESP32 timers survive `setTime`; the Linux build moves them all.
  if (process.env.BOARD.startsWith("ESP32"))
    board.setSystemMs = function (wallMs) {
      const now = nowMs();
      setTime(wallMs / 1000);
      baseSec = clock() - now / 1000;
    };
  if (typeof LED1 !== "undefined")
    board.led = function (isOn) {
      LED1.write(isOn);
    };
  if (wifi) {
    // The radio keeps one question, and whoever asked last gets the next answer, of whatever name. So
    // one is asked at a time, and one waits: a later one takes its place.
    let freeMs = 0;
    let next: [string, (address: string | null) => void] | undefined;
    const resolve: NonNullable<Board["resolve"]> = function (host, done) {
      const now = nowMs();
      if (now < freeMs) {
        if (next) next[1](null);
        next = [host, done];
        return;
      }
      freeMs = now + NAME_MS;
      wifi.getHostByName(host, (address) => {
        const waiting = next;
        freeMs = 0;
        next = undefined;
        done(address);
        if (waiting) resolve(waiting[0], waiting[1]);
      });
    };
    board.resolve = resolve;
    board.radio = createRadio(wifi);
  }
  // ESP32_IDF4 builds have no SHA-256.
  const digest = crypto && crypto.SHA256;
  if (digest)
    board.sha256 = function (bytes) {
      return E.toString(digest(bytes));
    };
  if (find(() => require("dgram")))
    board.udp = function (onMessage) {
      const socket = require("dgram").createSocket("udp4");
      socket.on("message", (bytes, from) => onMessage(bytes, from.address));
      return {
        send: function (bytes, address, port) {
          socket.send(bytes, port, address);
        },
        close: function () {
          socket.close();
        },
      };
    };
  return board;
}
