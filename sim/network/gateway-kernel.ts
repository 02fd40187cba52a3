// SPDX-License-Identifier: MIT
// Attempts to connect to a port of this machine that are under way and have no answer yet. The
// kernel lists them for everybody in /proc/net/tcp; a system without it has none to show.
import { readFileSync } from "node:fs";

/** State of a socket that has asked and got no answer. */
const SYN_SENT = "02";

/**
 * The sockets that try to reach a port of 127.0.0.1, each by its own address as the kernel writes
 * it.
 */
export function attemptsAt(port: number): string[] {
  let table: string;
  try {
    table = readFileSync("/proc/net/tcp", "latin1");
  } catch {
    return [];
  }
  const wanted = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").flatMap((row) => {
    const [, local, remote, state] = row.trim().split(/\s+/);
    return local !== undefined && remote === wanted && state === SYN_SENT ? [local] : [];
  });
}
