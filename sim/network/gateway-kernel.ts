// SPDX-License-Identifier: MIT
// What the kernel tells everybody about the connections of this machine, in /proc/net/tcp (see
// proc_pid_net(5)). A system without that file tells nothing. IPv4 and 127.0.0.1 only.
import { readFileSync } from "node:fs";

/** State of a socket that has asked for a connection and got no answer. */
const SYN_SENT = "02";

interface Row {
  /** Addresses and ports as the kernel writes them. */
  local: string;
  remote: string;
  state: string;
  /** Bytes that have arrived and are not read. */
  unreadBytes: number;
}

const place = (port: number): string =>
  `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;

/** Sockets of this machine that talk to one of its ports, seen from their side. */
function clientsOf(port: number): Row[] {
  let table: string;
  try {
    table = readFileSync("/proc/net/tcp", "latin1");
  } catch {
    return [];
  }
  const server = place(port);
  return table.split("\n").flatMap((line) => {
    const [, local = "", remote, state = "", queues = ""] = line.trim().split(/\s+/);
    if (remote !== server) return [];
    return [{ local, remote, state, unreadBytes: Number.parseInt(queues.split(":")[1] ?? "", 16) }];
  });
}

/** Attempts to connect to a port that have no answer yet, each by the address of who makes it. */
export function attemptsAt(port: number): string[] {
  return clientsOf(port).flatMap(({ local, state }) => (state === SYN_SENT ? [local] : []));
}

/** True when a client of a port has bytes that it has not read, as far as the kernel tells. */
export function hasUnread(port: number, clientPort: number): boolean {
  const client = clientsOf(port).find(({ local }) => local === place(clientPort));
  return client !== undefined && client.unreadBytes > 0;
}
