// SPDX-License-Identifier: MIT
// The rules of transport.ts, kept by TCP.
import { describe, expect, it } from "vitest";
import { openTcp } from "../../../firmware/transport/tcp.ts";
import { createFakePlatform } from "../../helpers/fake-platform.ts";

function create() {
  const { clock, net } = createFakePlatform();
  const events: string[] = [];
  const transport = openTcp(net, clock, "broker.test", 1883, {
    onOpen: () => events.push("open"),
    onData: (bytes) => events.push(`data ${bytes}`),
    onClose: (reason) => events.push(`close ${reason}`),
  });
  return { transport, events, clock, net, socket: net.last() };
}

describe("TCP transport", () => {
  it("opens the address, and tells of opening, data and close in order", () => {
    const { events, socket } = create();
    expect([socket.host, socket.port]).toEqual(["broker.test", 1883]);
    socket.open();
    socket.receive("ab");
    socket.close("ended");
    expect(events).toEqual(["open", "data ab", "close ended"]);
  });

  it("writes while it is open, and says when it cannot", () => {
    const { transport, socket } = create();
    expect(transport.write("x")).toBe(false);
    socket.open();
    expect(transport.write("ab")).toBe(true);
    socket.close("ended");
    expect(transport.write("cd")).toBe(false);
    expect(socket.written).toBe("ab");
  });

  it("tells what waits to leave", () => {
    const { transport, socket } = create();
    socket.pendingBytes = 77;
    expect(transport.pendingBytes()).toBe(77);
  });

  it("tells of a close once", () => {
    const { events, socket } = create();
    socket.close("refused");
    socket.close("ended");
    expect(events).toEqual(["close refused"]);
  });

  it("is silent once it was aborted", () => {
    const { transport, events, socket } = create();
    socket.open();
    transport.abort();
    expect(socket.state).toBe("aborted");
    socket.open();
    socket.receive("late");
    socket.close("ended");
    expect(transport.write("x")).toBe(false);
    expect(events).toEqual(["open"]);
  });

  it("ends when what was written has left, and is silent from then on", () => {
    const { transport, events, clock, socket, net } = create();
    socket.open();
    let calls = 0;
    transport.end(1000, () => calls++);
    socket.receive("late");
    expect([calls, transport.write("x")]).toEqual([0, false]);
    clock.advance(1);
    expect([calls, socket.state]).toEqual([1, "ended"]);
    expect(events).toEqual(["open"]);
    expect([clock.pendingMs(), net.openCount()]).toEqual([[], 0]);
  });

  it("is closed by force when the peer does not read", () => {
    const { transport, clock, socket, net } = create();
    socket.open();
    socket.isStalled = true;
    let calls = 0;
    transport.end(1000, () => calls++);
    clock.advance(999);
    expect([calls, socket.state]).toEqual([0, "ending"]);
    clock.advance(1);
    expect([calls, socket.state]).toEqual([1, "aborted"]);
    socket.close("ended");
    expect(calls).toBe(1);
    expect([clock.pendingMs(), net.openCount()]).toEqual([[], 0]);
  });

  it("ends at once when the peer has closed already", () => {
    const { transport, clock, socket } = create();
    socket.open();
    socket.close("ended");
    let calls = 0;
    transport.end(1000, () => calls++);
    expect([calls, clock.pendingMs()]).toEqual([1, []]);
  });

  it("ends before it was open", () => {
    const { transport, events, clock, socket, net } = create();
    let calls = 0;
    transport.end(1000, () => calls++);
    clock.advance(1000);
    socket.open();
    expect([calls, events]).toEqual([1, []]);
    expect([clock.pendingMs(), net.openCount()]).toEqual([[], 0]);
  });
});
