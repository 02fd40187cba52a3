// SPDX-License-Identifier: MIT
// What is known about devices from beats and status messages, with time passed in.
import { describe, expect, it } from "vitest";
import { encodeStatus } from "../../../firmware/wire/status.ts";
import type { StatusReason } from "../../../firmware/wire/status.ts";
import { createTracker } from "../../../tools/lib/tracker.ts";
import type { Tracker, TrackerEvent } from "../../../tools/lib/tracker.ts";
import { createVerifier } from "../../../tools/lib/verifier.ts";
import { FAKE_KEY, FAKE_WALL_MS, signedBeat } from "../../helpers/fake-device.ts";

const ID = "kitchen";

/** A tracker of one device whose beats are due every 2 s, with its events. */
function rig(): {
  tracker: Tracker;
  events: TrackerEvent[];
  beat(seq: number, nowMs: number, boot?: number, session?: number): void;
  status(
    reason: StatusReason,
    connection: [number, number],
    nowMs?: number,
    retained?: boolean,
  ): void;
  state(): string;
} {
  const events: TrackerEvent[] = [];
  const tracker = createTracker((event) => events.push(event));
  const verifier = createVerifier({ keyFor: () => FAKE_KEY });
  tracker.expect(ID);
  return {
    tracker,
    events,
    beat: (seq, nowMs, boot = 1, session = 1) => {
      const payload = signedBeat({ device_id: ID, seq, boot, session });
      tracker.onBeat(ID, verifier.accept(payload, ID, FAKE_WALL_MS), nowMs);
    },
    status: (reason, [boot, session], nowMs = 0, retained = false) =>
      tracker.onStatus(ID, Buffer.from(encodeStatus(ID, reason, boot, session)), retained, nowMs),
    state: () => tracker.device(ID)?.state ?? "unknown",
  };
}

describe("tracker states", () => {
  it("starts connecting and is online with the first verified beat", () => {
    const { beat, state } = rig();
    expect(state()).toBe("connecting");
    beat(1, 0);
    expect(state()).toBe("online");
  });

  it("stays connecting on a birth: a status is not signed", () => {
    const { status, state } = rig();
    status("birth", [1, 1]);
    expect(state()).toBe("connecting");
  });

  it("is late once interval and grace are over, and not before", () => {
    const { beat, tracker, state } = rig();
    beat(1, 0);
    tracker.sweep(3000);
    expect(state()).toBe("online");
    tracker.sweep(3001);
    expect(state()).toBe("late");
  });

  it("is offline after a will of its connection", () => {
    const { beat, status, state } = rig();
    beat(1, 0);
    status("will", [1, 1]);
    expect(state()).toBe("offline");
  });

  it.each<[string, [number, number]]>([
    ["an earlier session", [2, 1]],
    ["an earlier boot", [1, 9]],
  ])("ignores a will of %s than the newest birth", (_name, connection) => {
    const { beat, status, state } = rig();
    beat(1, 0, 2, 1);
    status("birth", [2, 2]);
    status("will", connection);
    expect(state()).toBe("online");
  });

  it("is stopped after a shutdown and connecting after the next birth", () => {
    const { beat, status, state } = rig();
    beat(1, 0);
    status("shutdown", [1, 1]);
    expect(state()).toBe("stopped");
    status("birth", [2, 1]);
    expect(state()).toBe("connecting");
  });

  it("ignores a will of a connection that has said goodbye", () => {
    const { beat, status, state } = rig();
    beat(1, 0);
    status("shutdown", [1, 1]);
    status("will", [1, 1]);
    expect(state()).toBe("stopped");
  });

  it("takes no retained status for news of a device it has not heard", () => {
    const { status, state } = rig();
    status("birth", [1, 1], 0, true);
    status("will", [1, 1], 0, true);
    expect(state()).toBe("connecting");
  });

  it("believes a retained will about the connection it knows", () => {
    const { beat, status, state } = rig();
    beat(1, 0);
    status("will", [1, 1], 0, true);
    expect(state()).toBe("offline");
  });

  it.each([
    ["garbage", "x"],
    [
      "a reason that contradicts the status",
      '{"device_id":"kitchen","status":"online","reason":"will","boot":1,"session":1}',
    ],
    [
      "another device's status",
      '{"device_id":"cellar","status":"offline","reason":"will","boot":1,"session":1}',
    ],
  ])("ignores %s", (_name, payload) => {
    const { beat, tracker, state } = rig();
    beat(1, 0);
    tracker.onStatus(ID, Buffer.from(payload), false, 0);
    expect(state()).toBe("online");
  });
});

describe("tracker counts", () => {
  it("counts a gap as lost after two intervals", () => {
    const { beat, tracker } = rig();
    beat(1, 0);
    beat(3, 4000);
    tracker.sweep(7999);
    expect(tracker.totals().lost).toBe(0);
    tracker.sweep(8000);
    expect(tracker.totals()).toMatchObject({ accepted: 2, lost: 1 });
  });

  it("counts nothing lost when the gap is filled in time", () => {
    const { beat, tracker } = rig();
    beat(1, 0);
    beat(3, 4000);
    beat(2, 5000);
    tracker.finish(9000);
    expect(tracker.totals()).toMatchObject({ accepted: 2, late: 1, lost: 0 });
  });

  it("takes a loss back when the beat comes after all", () => {
    const { beat, tracker } = rig();
    beat(1, 0);
    beat(3, 4000);
    tracker.sweep(9000);
    beat(2, 9500);
    expect(tracker.totals()).toMatchObject({ late: 1, lost: 0 });
  });

  it("counts nothing before the first beat as lost", () => {
    const { beat, tracker } = rig();
    beat(5, 0);
    tracker.finish(0);
    expect(tracker.totals().lost).toBe(0);
  });

  it("counts nothing lost across a new boot", () => {
    const { beat, tracker } = rig();
    beat(7, 0);
    beat(1, 1000, 2);
    tracker.finish(9000);
    expect(tracker.totals()).toMatchObject({ accepted: 2, lost: 0 });
  });

  it("counts open gaps as lost at the end", () => {
    const { beat, tracker, events } = rig();
    beat(1, 0);
    beat(4, 4000);
    tracker.finish(4100);
    expect(tracker.totals().lost).toBe(2);
    expect(events.filter(({ kind }) => kind === "lost")).toMatchObject([{ seq: 2 }, { seq: 3 }]);
  });

  it("counts a gap across blindness as unseen", () => {
    const { beat, tracker, state } = rig();
    beat(1, 0);
    tracker.setBlind(true, 100);
    tracker.sweep(60_000);
    expect(state()).toBe("online");
    tracker.setBlind(false, 60_000);
    beat(30, 60_500);
    tracker.finish(70_000);
    expect(tracker.totals()).toMatchObject({ unseen: 28, lost: 0 });
  });

  it("counts refused beats of strangers too", () => {
    const { tracker } = rig();
    tracker.onBeat("stranger", { kind: "rejected", reason: "key", detail: "" }, 0);
    expect(tracker.totals().refused).toBe(1);
  });
});
