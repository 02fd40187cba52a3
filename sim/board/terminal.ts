// SPDX-License-Identifier: MIT
// Joins the console of a board to the serial port it is on, and both to the outside: bytes for who
// looks at the port, lines for who looks at lines.
import { Abort } from "./abort.ts";
import { createConsole } from "./console.ts";
import type { Console } from "./console.ts";
import type { ErrorFlags } from "./error-flags.ts";
import { resultText } from "./format.ts";
import type { Loop } from "./loop.ts";
import { INTERPRETER_VERSION } from "./profile.ts";
import type { Profile } from "./profile.ts";
import type { Realm } from "./realm.ts";
import { createSerial } from "./serial.ts";
import type { Serial } from "./serial.ts";
import type { Streams } from "./streams.ts";

/** What they need of their board. */
export interface TerminalHost {
  realm: Realm;
  loop: Loop;
  streams: Streams;
  errorFlags: ErrorFlags;
  profile: Profile;
  bytes(value: unknown): Uint8Array;
  /** Takes console output of a port with an outside, as lines; the same bytes leave the port. */
  printed(text: string): void;
  /** Takes bytes that leave a port; null when nobody looks at them. */
  onSerial: ((port: string, bytes: string) => void) | null;
  /** Reports an error of a line that was typed. */
  report(error: unknown): void;
}

function isLoopback(port: string): boolean {
  return port.startsWith("Loopback");
}

/** Creates ports and console of one board. */
export function createTerminal(host: TerminalHost): { serial: Serial; terminal: Console } {
  const { realm, loop, profile, onSerial } = host;
  let isOutputOfConsole = false;
  const serial = createSerial({
    ...host,
    ports: profile.serialPorts,
    bufferBytes: profile.inputBufferBytes,
    onOut: (port, data) => {
      onSerial?.(port, data);
      // What a script writes to the console's own port is on the console.
      const isOnConsole = port === serial.console() && !isOutputOfConsole;
      if (isOnConsole) host.printed(data.replace(/\r/g, ""));
    },
  });
  const terminal = createConsole({
    identity: `Espruino ${INTERPRETER_VERSION} ${profile.board}`,
    isWatched: () => {
      const port = serial.console();
      return port !== null && (onSerial !== null || isLoopback(port));
    },
    run: (line) => {
      try {
        return resultText(realm.run(line, ""), realm);
      } catch (error) {
        if (error instanceof Abort) loop.raise(error);
        else host.report(error);
        return null;
      }
    },
    output: (data) => {
      isOutputOfConsole = true;
      serial.output(serial.console() as string, data);
      isOutputOfConsole = false;
    },
    printed: (text) => {
      const port = serial.console();
      if (port !== null && !isLoopback(port)) host.printed(text);
    },
    later: (fn) => loop.atEnd(fn),
  });
  serial.onConsole = (data) => terminal.input(data);
  return { serial, terminal };
}
