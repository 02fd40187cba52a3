// SPDX-License-Identifier: MIT
// Commands from the host: signed with the device's key, expiring, obeyed once, limited in rate,
// answered. Built in are ping, interval, log, identify, diagnostics, config, update, reboot and
// rotate_key; a program adds its own. Not for where tokens come from, nor for where replies go.
//
// A token that comes in waits for a timer of its own, because the calls that brought it are deep, and
// for the reply to the one before it, because the connection has room for few messages.
//   no place to wait                counted; one reply without an id tells how many
//   wrong form, size or signature   counted, no reply: whoever sent it has not the key
//   signed, but not now or not for us   counted, replied
//   seen before                     its first result again; nothing while that is not there
//   issued no later than FLOOR      refused: it may have been obeyed and forgotten
//   beyond the rate                 counted, replied
//   else                            remembered, obeyed, replied
//
// The broker has been told that a command arrived, so it is never sent again: a reply is kept until it
// has found room.
//
// FLOOR is the `iat` of the newest command that was forgotten, and after a restart that of the newest
// one that had an effect: that is written to flash before the command is obeyed, so a command that
// restarts the board is not obeyed again when the broker repeats it.
import { COMMAND_IAT, persist, restore } from "../core/persist.ts";
import { quoted } from "../core/runtime.ts";
import type { Done, Failure, Level, Runtime } from "../core/runtime.ts";
import type { Jwt } from "../auth/jwt.ts";
import type { ResetReason } from "../wire/metrics.ts";
import { TOKEN_MAX_BYTES, verify } from "../auth/verify.ts";
import type { Claims } from "../auth/verify.ts";

/**
 * Most tokens that wait, and their bytes: as many as a broker hands over at once after a time without
 * a connection. Those of the burst and what is refused beyond it all get their replies.
 */
export const INBOX_MAX = 20;
export const INBOX_MAX_BYTES = 8192;

/**
 * From one token to the next, ms. This bounds what somebody without the key can make the board
 * calculate, five signatures a second: the rate is charged only for what is signed, in time and new.
 */
export const PAUSE_MS = 200;

/** A reply that found no room is sent again after this time, ms. */
export const RETRY_MS = 1000;

/** The next token waits for this time at most until the reply before it has arrived, ms. */
export const REPLY_MS = 60000;

/** From the reply of a command that restarts the board to the restart: others get theirs first, ms. */
export const RESTART_MS = 5000;

/** Commands that are remembered with their results, and the most bytes those may have. */
export const SEEN_MAX = 16;
export const SEEN_MAX_BYTES = 2048;

/** Commands at once, and the time for each after them, ms. */
export const BURST = 10;
export const EACH_MS = 5000;

/** Longest result, bytes of JSON. */
export const RESULT_MAX_BYTES = 800;

/** Range of `interval`, s: that of `interval_s` in the configuration. */
export const INTERVAL_MIN_SEC = 0.1;
export const INTERVAL_MAX_SEC = 86400;

/** Longest text of a claim or an argument that is kept or sent back, bytes. */
const TEXT_MAX_BYTES = 64;

/** Half a blink of `identify`, ms, and how many blinks it may ask for. */
const BLINK_MS = 250;
const BLINKS_MAX = 40;

/** Those that may be obeyed again after a restart, which saves the flash. */
const HARMLESS = "ping interval log identify diagnostics";

/** Last lines of levels W and E that `diagnostics` tells, and the longest piece of one, bytes. */
export const FAULTS_MAX = 3;
export const FAULT_MAX_BYTES = 80;

/** Time in which each kind of refusal is logged once, ms. */
const LOG_EVERY_MS = 60000;

/** Arguments of a command. */
export interface Args {
  [name: string]: unknown;
}

/** Ends a command, once: with a failure, or with a result that can be serialised. */
export type Answer = (failure?: Failure, result?: unknown) => void;

/** A command of a program's own. */
export type Handler = (args: Args, answer: Answer) => void;

/** What commands work with. Those of what is absent are unknown. */
export interface CommandOptions {
  jwt: Jwt;
  /** Whether time servers are about to be heard: what waited at the broker comes before their answer. */
  isTimeDue?(): boolean;
  /** Sends a reply, JSON text; what fails is sent again. */
  reply(text: string, done: Done): void;
  /** Who it is, where it stands, one word per service: what `diagnostics` answers. */
  status(): { [name: string]: unknown };
  /** Changes the heartbeat's interval until the next start. */
  setInterval?(sec: number): void;
  /** Writes changes of the configuration for the next start; null takes a key out. */
  changeConfig?(changes: Args): Failure | undefined;
  /** Says goodbye and starts the board anew. */
  reboot?(reason: ResetReason): void;
  /** Fetches a bundle. */
  update?: ((args: Args, done: Done) => void) | undefined;
  /** Makes a new key the one that signs; `key` is base64url. */
  rotate?(key: string, kid: string): Failure | undefined;
  /** A program's own commands by name: `{ "open_door": (args, answer) => answer() }`. */
  own?: { [name: string]: Handler } | undefined;
}

/** The running service. */
export interface Commands {
  /** `running` or `stopped`. */
  status: string;
  /** Commands obeyed, and tokens that were not, since the start. */
  obeyed: number;
  refused: number;
  /** Takes a token; whatever comes of it comes later. */
  handle(token: string): void;
  stop(): void;
}

/** A command that was obeyed: its `jti`, its `iat`, and the reply's middle once it is there. */
type Seen = [jti: string, iat: number, result: string];

/** Starts the service. */
export function createCommands(rt: Runtime, options: CommandOptions): Commands {
  const { jwt, reply } = options;
  const slot = rt.newSlot();
  const ledSlot = rt.newSlot();
  const restartSlot = rt.newSlot();
  let inbox: string[] = [];
  // Tokens that found no place.
  let unread = 0;
  let replies: string[] = [];
  const seen: Seen[] = [];
  let floor = restore(rt)[COMMAND_IAT] as number;
  let budget = BURST;
  let budgetMs = rt.nowMs();
  const loggedMs: { [kind: string]: number } = {};
  const { print } = rt;
  let faults: string[] = [];

  function refuse(kind: string): void {
    commands.refused++;
    const now = rt.nowMs();
    const last = loggedMs[kind];
    if (last !== undefined && now - last < LOG_EVERY_MS) return;
    loggedMs[kind] = now;
    rt.log("W", "command", "refused", "cause=" + kind + " count=" + commands.refused);
  }

  function post(): void {
    const text = replies.shift() as string;
    // If nothing is ever heard of it.
    rt.arm(slot, REPLY_MS, work);
    reply(text, (failure) => {
      if (commands.status !== "running") return;
      // A server that is reported to over HTTP takes none, and a broker may not allow them.
      if (failure && /HTTP_NONE|DENIED/.test(failure)) {
        rt.log("W", "command", "reply-lost", "code=" + failure);
        failure = undefined;
      }
      if (failure) replies.unshift(text);
      rt.arm(slot, failure ? RETRY_MS : PAUSE_MS, work);
    });
  }

  function send(jti: unknown, result: string): void {
    if (commands.status !== "running") return;
    const { id } = jwt.identity;
    const head = '{"device_id":"' + id + '","id":' + JSON.stringify(jti) + ",";
    replies.push(head + result + ',"uptime_ms":' + rt.nowMs() + "}");
    // Others wait already.
    if (replies.length < 2) post();
  }

  function errorText(failure: Failure): string {
    const code = failure.split(" ")[0] as string;
    const message = failure.slice(code.length + 1, code.length + 161);
    const error = '{"code":"' + code + '","message":' + JSON.stringify(message) + "}";
    return '"ok":false,"error":' + error;
  }

  /** The rarer ones; nothing of this is there while no command runs. */
  function obey(cmd: string, args: Args, answer: Answer): void {
    const own = options.own || {};
    const { reboot } = options;

    /** Before the answer, which an out-of-memory may cut short. */
    function restart(reason: ResetReason): void {
      rt.arm(restartSlot, RESTART_MS, () => (reboot as (why: ResetReason) => void)(reason));
    }

    function blink(left: number): void {
      if (left) rt.arm(ledSlot, BLINK_MS, () => blink(left - 1));
      (rt.led as (isOn: boolean) => void)(left % 2 === 1);
    }

    /** `status`, what the board has to say, and the last faults, less from the end what is too much. */
    function diagnose(): Args {
      const all: Args = options.status();
      all["uptime_ms"] = rt.nowMs();
      all["vars"] = rt.varsInUse();
      all["vars_total"] = rt.varsTotal;
      all["faults"] = faults;
      const names = Object.keys(all);
      let trimmed = 0;
      // Some room for `trimmed` itself.
      while (JSON.stringify(all).length > RESULT_MAX_BYTES - 20) {
        delete all[names.pop() as string];
        all["trimmed"] = ++trimmed;
      }
      return all;
    }

    if (cmd === "diagnostics") return answer(undefined, diagnose());
    if (cmd === "interval" && options.setInterval) {
      const sec = args["seconds"] as number;
      if (typeof sec !== "number" || !(sec >= INTERVAL_MIN_SEC && sec <= INTERVAL_MAX_SEC))
        return answer("E_COMMAND_ARGS key=seconds");
      options.setInterval(sec);
      return answer();
    }
    if (cmd === "log") {
      const level = args["level"];
      if (typeof level !== "string" || !/^[DIWE]$/.test(level))
        return answer("E_COMMAND_ARGS key=level");
      rt.logLevel = level as Level;
      return answer();
    }
    if (cmd === "identify") {
      const count = args["count"] === undefined ? 5 : (args["count"] as number);
      if (!rt.led) return answer("E_LED_NONE");
      if (!(count >= 1 && count <= BLINKS_MAX && count === Math.floor(count)))
        return answer("E_COMMAND_ARGS key=count");
      blink(2 * count - 1);
      return answer();
    }
    if (cmd === "config" && options.changeConfig && reboot) {
      // Those of a key have a way of their own, which can be undone.
      const names = Object.keys(args);
      if (!names.length || names.includes("key") || names.includes("kid"))
        return answer("E_COMMAND_ARGS key=" + (names.length ? "key" : "none"));
      const failure = options.changeConfig(args);
      if (!failure) restart("config");
      return answer(failure);
    }
    if (cmd === "update" && options.update) return options.update(args, answer);
    if (cmd === "reboot" && reboot) {
      restart("command");
      return answer();
    }
    if (cmd === "rotate_key" && options.rotate) {
      const kid = args["kid"] as string;
      const salt = args["salt"] as string;
      if (typeof kid !== "string" || !kid || kid.length > 32)
        return answer("E_COMMAND_ARGS key=kid");
      if (typeof salt !== "string" || salt.length < 16) return answer("E_COMMAND_ARGS key=salt");
      // Derived and never sent: on this platform TLS does not keep a listener out.
      const key = rt.base64url(jwt.key.mac("rotate_key." + kid + "." + salt));
      return answer(options.rotate(key, kid));
    }
    if (Object.keys(own).includes(cmd)) return (own[cmd] as Handler)(args, answer);
    return answer("E_COMMAND_UNKNOWN");
  }

  function work(): void {
    if (replies.length) return post();
    // By the time of before a power cut one looks early, or in time that has expired since.
    if (inbox.length && options.isTimeDue && options.isTimeDue())
      return rt.arm(slot, RETRY_MS, work);
    const token = inbox.shift();
    if (token === undefined) {
      const count = unread;
      unread = 0;
      if (count) send(null, errorText("E_COMMAND_RATE lost=" + count));
      return undefined;
    }
    rt.arm(slot, PAUSE_MS, work);
    const verdict = verify(rt, jwt, token);
    const claims = verdict[1] as Claims;
    if (!claims) return refuse(verdict[0]);

    let { jti } = claims as { jti?: unknown };
    const cmd = claims["cmd"];
    const args = claims["args"] === undefined ? {} : (claims["args"] as Args);
    const { iat } = claims;
    let problem = verdict[0];
    const isId = typeof jti === "string" && jti !== "" && jti.length <= TEXT_MAX_BYTES;
    if (!isId) jti = null;
    if (!problem && (!isId || typeof cmd !== "string" || !args || typeof args !== "object"))
      problem = "E_COMMAND_CLAIMS";
    const known = problem ? undefined : seen.find((entry) => entry[0] === jti);
    if (known) return known[2] ? send(jti, known[2]) : undefined;
    if (!problem && iat <= floor) problem = "E_COMMAND_OLD";
    if (!problem) {
      const now = rt.nowMs();
      budget = Math.min(BURST, budget + (now - budgetMs) / EACH_MS);
      budgetMs = now;
      if (budget < 1) problem = "E_COMMAND_RATE";
      else budget--;
    }
    let failure: Failure | undefined;
    if (problem) {
      refuse(problem);
      failure = problem;
    } else if (!HARMLESS.split(" ").includes(cmd as string)) {
      const numbers = restore(rt);
      if (iat > (numbers[COMMAND_IAT] as number)) {
        numbers[COMMAND_IAT] = iat;
        failure = persist(rt, numbers);
      }
    }
    if (failure) return send(jti, errorText(failure));
    return start(jti as string, iat, cmd as string, args);
  }

  function start(jti: string, iat: number, cmd: string, args: Args): void {
    const entry: Seen = [jti, iat, ""];

    function answer(why?: Failure, result?: unknown): void {
      if (entry[2]) return;
      let text = JSON.stringify(result === undefined ? null : result);
      if (text.length > RESULT_MAX_BYTES) why = "E_COMMAND_SIZE bytes=" + text.length;
      text = why ? errorText(why) : '"ok":true,"result":' + text;
      entry[2] = text;
      forget();
      rt.log("I", "command", "done", "cmd=" + quoted(cmd) + (why ? " code=" + why : ""));
      send(jti, text);
    }

    function forget(): void {
      let bytes = 0;
      for (const one of seen) bytes += one[0].length + one[2].length;
      while (seen.length > SEEN_MAX || (bytes > SEEN_MAX_BYTES && seen.length > 1)) {
        const lost = seen.shift() as Seen;
        bytes -= lost[0].length + lost[2].length;
        floor = Math.max(floor, lost[1]);
      }
    }

    seen.push(entry);
    forget();
    commands.obeyed++;
    if (cmd === "ping") {
      const nonce = args["nonce"];
      const isFit = nonce === undefined || JSON.stringify(nonce).length <= TEXT_MAX_BYTES + 2;
      const echo: Args = {};
      echo["nonce"] = nonce;
      return answer(isFit ? undefined : "E_COMMAND_ARGS key=nonce", echo);
    }
    try {
      obey(cmd, args, answer);
    } catch (error) {
      answer("E_COMMAND_FAULT text=" + quoted("" + error));
    }
    return undefined;
  }

  const commands: Commands = {
    status: "running",
    obeyed: 0,
    refused: 0,
    handle: function (token) {
      if (commands.status !== "running") return undefined;
      // Before it is kept: it may be 4 KB.
      if (token.length > TOKEN_MAX_BYTES) return refuse("form");
      let bytes = token.length;
      for (const one of inbox) bytes += one.length;
      if (inbox.length >= INBOX_MAX || bytes > INBOX_MAX_BYTES) {
        unread++;
        return refuse("queue");
      }
      inbox.push(token);
      return rt.isArmed(slot) ? undefined : rt.arm(slot, 0, work);
    },
    stop: function () {
      commands.status = "stopped";
      rt.print = print;
      inbox = replies = [];
      rt.disarm(slot);
      rt.disarm(restartSlot);
      if (rt.led) rt.led(false);
      rt.disarm(ledSlot);
    },
  };
  rt.print = function (line) {
    // `<nowMs> <level> ...`
    const level = line[line.indexOf(" ") + 1];
    if (level === "W" || level === "E")
      faults = faults.concat(line.slice(0, FAULT_MAX_BYTES)).slice(-FAULTS_MAX);
    print(line);
  };
  return commands;
}
