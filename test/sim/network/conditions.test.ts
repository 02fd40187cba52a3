// SPDX-License-Identifier: MIT
// What each effect does to connections of the virtual network, and that it can come and go.
import { describe, expect, it } from "vitest";
import { matchesName } from "../../../sim/network/conditions.ts";
import type { Effect } from "../../../sim/network/conditions.ts";
import { LATENCY_MS, bytesIn, createNetLab, failureOf } from "./net-lab.ts";
import type { Dialled, NetLab } from "./net-lab.ts";

interface Line extends Dialled {
  lab: NetLab;
  /** Puts an effect on the way to the server. */
  out(effect: Effect): () => void;
  /** Puts an effect on the way to the board. */
  home(effect: Effect): () => void;
  /** The program writes. */
  write(text: string): void;
  /** What the program has seen since the last call. */
  seen(): string[];
}

/** A connection that stands at 100 ms. */
function open(): Line {
  const lab = createNetLab();
  const dialled = lab.dial();
  const { conditions } = lab.network;
  lab.waitUntil(100);
  lab.seen.length = 0;
  return {
    ...dialled,
    lab,
    out: (effect) => conditions.add({ from: "board", to: "server", effect }),
    home: (effect) => conditions.add({ from: "server", to: "board", effect }),
    write: (text) => lab.accepted[0]?.write(Buffer.from(text)),
    seen: () => lab.seen.splice(0).filter((line) => !line.endsWith("drain")),
  };
}

describe("patterns", () => {
  it("stand for names", () => {
    const fits = (pattern: string, ...names: string[]): boolean[] =>
      names.map((name) => matchesName(pattern, name));
    expect(fits("*", "", "any")).toEqual([true, true]);
    expect(fits("board", "board", "board1")).toEqual([true, false]);
    expect(fits("b*d", "bd", "board", "bo")).toEqual([true, true, false]);
    expect(fits("*oa*d1*", "board1x", "odoa1")).toEqual([true, false]);
    expect(fits("ab*ba", "aba", "abba")).toEqual([false, true]);
  });

  it("concern one direction and one port", () => {
    const { lab, out, socket, write, got, seen } = open();
    lab.network.conditions.add({ from: "server", port: 80, effect: { latencyMs: 500 } });
    out({ latencyMs: 100 });
    socket.send("a");
    write("b");
    lab.wait(1000);
    expect([seen(), got]).toEqual([["210 data a"], ["110 b"]]);
  });
});

describe("effects", () => {
  it("add up: delays are summed, the least rate counts", () => {
    const { lab, out, socket, seen } = open();
    out({ latencyMs: 50, bytesPerSec: 1000 });
    out({ latencyMs: 20, bytesPerSec: 100 });
    socket.send("0123456789");
    lab.wait(1000);
    expect(seen()).toEqual([`${100 + 100 + LATENCY_MS + 70} data 0123456789`]);
  });

  it("of jitter are drawn from the direction's own stream, and keep the order", () => {
    const times = (): string[] => {
      const { lab, out, socket, seen } = open();
      out({ jitterMs: 100 });
      for (const letter of "abcdef") {
        socket.send(letter);
        lab.wait(1);
      }
      lab.wait(1000);
      return seen();
    };
    const first = times();
    expect(first.map((line) => line.at(-1)).join("")).toBe("abcdef");
    expect(new Set(first.map((line) => line.split(" ")[0])).size).toBeGreaterThan(1);
    expect(times()).toEqual(first);
  });

  it("of a narrow line end with it", () => {
    const { lab, out, socket, seen } = open();
    const widen = out({ bytesPerSec: 1000 });
    socket.send("x".repeat(4000));
    lab.wait(500);
    expect(seen()).toEqual([]);
    widen();
    lab.wait(2000);
    // The segment on the line takes its time; the others do not.
    const times = seen().map((line) => Number(line.split(" ")[0]));
    expect(times).toEqual([1550, 1550, 1550]);
  });

  it("of loss are stalls of the time-out that doubles", () => {
    const { lab, out, socket, seen } = open();
    out({ lossRate: 0.5 });
    const delays = new Set<number>();
    for (let i = 0; i < 60; i++) {
      const sentMs = lab.nowMs();
      socket.send("x");
      lab.wait(400_000);
      for (const line of seen()) delays.add(Number(line.split(" ")[0]) - sentMs - LATENCY_MS);
    }
    expect([...delays].sort((a, b) => a - b).slice(0, 4)).toEqual([0, 1500, 4500, 10_500]);
  });

  it("split what arrives, at both ends", () => {
    const { lab, out, home, socket, write, got, seen } = open();
    out({ segmentBytes: 1 });
    home({ segmentBytes: 2 });
    socket.send("abc");
    write("12345");
    lab.wait(100);
    expect(seen()).toEqual(["110 data a", "110 data b", "110 data c"]);
    expect(got).toEqual(["110 12", "110 34", "110 5"]);
  });

  it("hold what arrives and hand it over together", () => {
    const { lab, out, socket, seen } = open();
    out({ coalesceMs: 50 });
    for (const letter of "abc") {
      socket.send(letter);
      lab.wait(10);
    }
    lab.wait(1000);
    expect(seen()).toEqual(["160 data abc"]);
  });

  it("of a slow reader close the window, and the bytes come at its pace", () => {
    const { lab, out, socket, seen } = open();
    const heal = out({ readBytesPerSec: 100 });
    let sent = 0;
    for (let i = 0; i < 5; i++) {
      sent += socket.send("x".repeat(4000));
      lab.wait(1);
    }
    expect(sent).toBeLessThanOrEqual(11_520);
    lab.waitUntil(10_110);
    const bytes = (): number => bytesIn(seen());
    expect(bytes()).toBe(1000);
    heal();
    lab.wait(1000);
    expect(bytes()).toBe(sent - 1000);
  });

  it("of a reader that never reads end when it reads", () => {
    const { lab, home, write, socket, text } = open();
    const heal = home({ readBytesPerSec: 0 });
    write("abc");
    lab.accepted[0]?.end();
    lab.wait(60_000);
    expect([socket.state, text()]).toEqual(["open", ""]);
    heal();
    lab.wait(1000);
    expect([socket.state, text()]).toEqual(["closed", "abcclosed"]);
  });
});

describe("a partition", () => {
  it("stalls connections until TCP tries again after it", () => {
    const { lab, out, home, socket, seen } = open();
    const heal = [out({ isBlocked: true }), home({ isBlocked: true })];
    socket.send("a");
    lab.wait(5000);
    for (const end of heal) end();
    lab.wait(5000);
    // Sent at 0, 1.5, 4.5 and 10.5 s; the last one after it.
    expect(seen()).toEqual([]);
    lab.wait(1000);
    expect(seen()).toEqual(["10610 data a"]);
  });

  it("also swallows what is on its way", () => {
    const { lab, out, socket, seen } = open();
    socket.send("a");
    const heal = out({ isBlocked: true });
    lab.wait(20);
    heal();
    lab.wait(2000);
    expect(seen()).toEqual(["1620 data a"]);
  });

  it("of the way home lets bytes out until the window is full, unacknowledged", () => {
    const { lab, home, socket, seen } = open();
    const heal = home({ isBlocked: true });
    let sent = 0;
    for (let i = 0; i < 4; i++) {
      sent += socket.send("x".repeat(4000));
      lab.wait(100);
    }
    expect(sent).toBe(5760);
    expect(bytesIn(seen())).toBe(5760);
    heal();
    lab.wait(60_000);
    expect(socket.send("more")).toBe(4);
  });

  it("that ends before a call of connect does is not felt", () => {
    const lab = createNetLab();
    lab.network.conditions.add({ to: "server", effect: { connectMs: 5000 } });
    const { socket } = lab.dial();
    const heal = lab.network.conditions.add({ to: "server", effect: { isBlocked: true } });
    socket.send("a");
    lab.wait(4000);
    heal();
    lab.wait(4000);
    expect(lab.seen).toEqual(["5010 accept board", "5030 data a"]);
  });

  it("ends a connection that has written, after about twenty minutes", () => {
    const { lab, out, socket, got } = open();
    out({ isBlocked: true });
    lab.wait(3_600_000);
    expect(got).toEqual([]);
    socket.send("a");
    lab.wait(3_600_000);
    expect(got).toHaveLength(1);
    expect(got[0]).toMatch(/closed unreachable$/);
    // The far end has not heard of it and never will, until it writes.
    expect(lab.network.connections()).toHaveLength(1);
  });

  it("makes connecting fail, one-way too", () => {
    const { lab, home } = open();
    home({ isBlocked: true });
    expect(failureOf(() => lab.dial())).toBe("unreachable after 18500 ms");
  });
});

describe("effects on connecting", () => {
  const attempt = (effect: Effect): string => {
    const { lab, out } = open();
    out(effect);
    const outcome = failureOf(() => lab.dial("server"));
    return outcome === "none" ? `${lab.dial("server").socket.blockedMs} ms` : outcome;
  };

  it("refuse it, swallow it, or make it slow", () => {
    expect(attempt({ isRefused: true })).toBe("refused after 24 ms");
    expect(attempt({ isBlackHole: true })).toBe("unreachable after 18504 ms");
    expect(attempt({ connectMs: 60_000 })).toBe("60024 ms");
    expect(attempt({ latencyMs: 30 })).toBe("54 ms");
  });

  it("leave connections that stand alone", () => {
    const { lab, out, socket, seen } = open();
    out({ isRefused: true, isBlackHole: true, connectMs: 1000 });
    socket.send("a");
    lab.wait(100);
    expect(seen()).toEqual(["110 data a"]);
  });

  it("lose attempts, which are repeated every 1.5 s", () => {
    const { lab, out } = open();
    out({ lossRate: 0.7 });
    const waits = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const outcome = failureOf(() => waits.add(lab.dial().socket.blockedMs));
      if (outcome !== "none") expect(outcome).toBe("unreachable after 18500 ms");
      lab.wait(100_000);
    }
    expect([...waits].sort((a, b) => a - b).slice(0, 3)).toEqual([20, 1520, 3020]);
  });

  it("are those of the name server", () => {
    expect(attempt({ dns: "fail" })).toBe("unresolved after 4 ms");
    expect(attempt({ dns: "timeout" })).toBe("unresolved after 7000 ms");
    expect(attempt({ dns: { delayMs: 500 } })).toBe("524 ms");
    expect(attempt({ dns: { address: "192.0.2.1" } })).toBe("unreachable after 18504 ms");
  });
});

describe("conditions", () => {
  it("end once, each by itself", () => {
    const { lab, out, socket, seen } = open();
    const end = out({ latencyMs: 100 });
    const other = out({ latencyMs: 1000 });
    end();
    end();
    socket.send("a");
    lab.wait(2000);
    other();
    socket.send("b");
    lab.wait(2000);
    expect(seen()).toEqual(["1110 data a", "2110 data b"]);
  });

  it("disturb datagrams", () => {
    const lab = createNetLab();
    const seen: string[] = [];
    lab.server.serveUdp(123, {
      onMessage: (bytes) => seen.push(`${lab.nowMs()} ${String(bytes)}`),
    });
    const udp = lab.board.network.openUdp(null, () => {});
    const during = (effect: Effect): void => {
      const end = lab.network.conditions.add({ to: "server", effect });
      udp.send("x", lab.server.address, 123);
      lab.wait(1000);
      end();
    };
    during({ latencyMs: 5 });
    during({ isBlocked: true });
    during({ lossRate: 1 });
    expect(seen).toEqual(["15 x"]);
  });
});
