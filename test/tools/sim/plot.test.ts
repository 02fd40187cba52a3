// SPDX-License-Identifier: MIT
// The picture of a trace: which states, beats and faults it shows, that it stays readable and
// bounded for long runs and many boards, and what it says about files that are no traces.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { traceLine } from "../../../sim/index.ts";
import type { TraceRow, TraceValue } from "../../../sim/index.ts";
import { ticksUs, timeText } from "../../../tools/sim/plot-axis.ts";
import { plotTrace } from "../../../tools/sim/plot.ts";
import { createTimeline } from "../../../tools/sim/plot-timeline.ts";
import type { Timeline } from "../../../tools/sim/plot-timeline.ts";
import { runCli } from "../../helpers/run-cli.ts";

const SEC = 1_000_000;
const DAY = 86_400 * SEC;
const BINS = 960;

type Members = Record<string, TraceValue>;
type Event = [tUs: number, on: string, ev: string, members?: Members];

const row = ([t, on, ev, members]: Event): TraceRow => ({ t, on, ev, ...members });
const START: Event = [0, "world", "start", { schema: 1, seed: 7, start: 1_767_225_600_000 }];

function timelineOf(endUs: number, events: Event[]): Timeline {
  const builder = createTimeline({ endUs, binCount: BINS });
  for (const event of [START, ...events]) builder.add(row(event));
  return builder.finish();
}

/** `state from-to` of each stretch of a board, in seconds; several states in one are joined by +. */
function statesOf(timeline: Timeline, name: string): string[] {
  const lane = [...timeline.boards, ...timeline.brokers].find((one) => one.name === name);
  return (lane?.pieces ?? []).map(
    ({ fromUs, toUs, timesUs }) =>
      `${Object.keys(timesUs).join("+")} ${fromUs / SEC}-${toUs / SEC}`,
  );
}

const boot = (t: number, name: string): Event => [t, `board/${name}`, "boot", { cause: "power" }];
const link = (t: number, from: string, ev = "connect"): Event => [
  t,
  "net",
  ev,
  { from, to: "hub", port: 1883 },
];
const connect = (t: number, client: string): Event => [t, "broker/hub", "connect", { client }];
const close = (t: number, client: string, cause = "network"): Event => [
  t,
  "broker/hub",
  "close",
  { client, cause },
];
const publish = (t: number, client: string): Event => [
  t,
  "broker/hub",
  "publish",
  { client, topic: `devices/${client}/heartbeat`, bytes: 300 },
];

describe("states of a board", () => {
  it("follow its power and its connection to a broker", () => {
    const timeline = timelineOf(100 * SEC, [
      boot(10 * SEC, "a"),
      connect(20 * SEC, "a"),
      close(50 * SEC, "a"),
      connect(60 * SEC, "a"),
      [80 * SEC, "board/a", "off", { cause: "fault" }],
    ]);
    expect(statesOf(timeline, "a")).toEqual([
      "off 0-10",
      "starting 10-20",
      "online 20-50",
      "offline 50-60",
      "online 60-80",
      "off 80-100",
    ]);
  });

  it("are offline as soon as its own side of the connection has ended", () => {
    const timeline = timelineOf(100 * SEC, [
      boot(0, "a"),
      link(5 * SEC, "a"),
      connect(10 * SEC, "a"),
      link(50 * SEC, "a", "reset"),
      close(70 * SEC, "a", "keep-alive"),
    ]);
    expect(statesOf(timeline, "a").slice(1)).toEqual(["online 10-50", "offline 50-100"]);
  });

  it("stay online while a second connection takes the session over", () => {
    const timeline = timelineOf(100 * SEC, [
      boot(0, "a"),
      link(10 * SEC, "a"),
      connect(10 * SEC, "a"),
      link(50 * SEC, "a"),
      close(50 * SEC, "a", "takeover"),
      connect(50 * SEC, "a"),
      link(51 * SEC, "a", "reset"),
    ]);
    expect(statesOf(timeline, "a").slice(1)).toEqual(["online 10-100"]);
  });

  it("are offline while the broker is down", () => {
    const timeline = timelineOf(100 * SEC, [
      boot(0, "a"),
      connect(10 * SEC, "a"),
      [40 * SEC, "broker/hub", "stop"],
      [60 * SEC, "broker/hub", "start"],
    ]);
    expect(statesOf(timeline, "a").slice(1)).toEqual(["online 10-40", "offline 40-100"]);
    expect(statesOf(timeline, "hub")).toEqual(["up 0-40", "down 40-60", "up 60-100"]);
  });

  it("are known when its client has another name than the board", () => {
    const timeline = timelineOf(100 * SEC, [
      boot(0, "a"),
      boot(0, "b"),
      link(10 * SEC, "b"),
      connect(20 * SEC, "thermometer"),
    ]);
    expect(statesOf(timeline, "b")).toEqual(["starting 0-20", "online 20-100"]);
    expect(statesOf(timeline, "a")).toEqual(["starting 0-100"]);
  });

  it("are on or off in a world without brokers", () => {
    const timeline = timelineOf(100 * SEC, [boot(10 * SEC, "a")]);
    expect(statesOf(timeline, "a")).toEqual(["off 0-10", "on 10-100"]);
  });

  it("take no more room than the picture has, however often they change", () => {
    const events: Event[] = [boot(0, "a")];
    for (let i = 0; i < 20_000; i++)
      events.push(connect(i * 2 * SEC, "a"), close((i * 2 + 1) * SEC, "a"));
    const timeline = timelineOf(40_000 * SEC, events);
    const [lane] = timeline.boards;
    expect(lane?.pieces.length).toBeLessThan(BINS);
    expect(lane?.timesUs).toEqual({ online: 20_000 * SEC, offline: 20_000 * SEC });
  });
});

describe("messages", () => {
  it("count for their board and their broker, a will for nobody", () => {
    const will: Members = { client: "a", topic: "devices/a/heartbeat" };
    const { boards, brokers } = timelineOf(100 * SEC, [
      boot(0, "a"),
      connect(10 * SEC, "a"),
      publish(20 * SEC, "a"),
      publish(30 * SEC, "stranger"),
      close(40 * SEC, "a"),
      [40 * SEC, "broker/hub", "will", will],
      publish(40 * SEC, "a"),
    ]);
    expect(boards[0]?.beatCount).toBe(1);
    expect(brokers[0]?.beatCount).toBe(2);
  });
});

describe("faults", () => {
  it("last from their beginning to their end, to the end of the trace, or for a moment", () => {
    const fault = (t: number, ev: string, id: number, name: string): Event => [
      t * SEC,
      "fault",
      ev,
      { id, fault: name, target: "a" },
    ];
    const { faults } = timelineOf(100 * SEC, [
      fault(10, "begin", 1, "latency"),
      fault(20, "begin", 2, "reset"),
      fault(30, "end", 1, "latency"),
      fault(40, "begin", 3, "partition"),
    ]);
    expect(faults.map((bar) => [bar.fault, bar.fromUs / SEC, bar.toUs / SEC])).toEqual([
      ["latency", 10, 30],
      ["reset", 20, 20],
      ["partition", 40, 100],
    ]);
  });
});

describe("time axis", () => {
  it.each([
    [10 * SEC, "0 s|1 s|2 s|3 s|4 s|5 s|6 s|7 s|8 s|9 s|10 s"],
    [90 * SEC, "0 s|10 s|20 s|30 s|40 s|50 s|1 min|1 min 10 s|1 min 20 s|1 min 30 s"],
    [3600 * SEC, "0 s|10 min|20 min|30 min|40 min|50 min|1 h"],
    [DAY, "0 s|3 h|6 h|9 h|12 h|15 h|18 h|21 h|1 d"],
    [365 * DAY, "0 s|60 d|120 d|180 d|240 d|300 d|360 d"],
  ])("of %d µs has round steps", (endUs, words) => {
    expect(ticksUs(endUs, 10).map(timeText).join("|")).toBe(words);
  });

  it.each([
    [0, "0 s"],
    [1500, "1.5 ms"],
    [12_345_000, "12.35 s"],
    [3_599_900_000, "1 h"],
    [DAY + 3600 * SEC, "1 d 1 h"],
  ])("writes %d µs as %s", (us, words) => expect(timeText(us)).toBe(words));
});

describe("lubdub sim plot", () => {
  let folder: string;
  beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), "lubdub-plot-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  const fileOf = (name: string): string => path.join(folder, name);
  function writeTrace(name: string, events: Event[]): string {
    const text = [START, ...events].map((event) => traceLine(row(event))).join("");
    writeFileSync(fileOf(name), text);
    return fileOf(name);
  }
  const drawn = (events: Event[]): string => plotTrace(writeTrace("drawn.jsonl", events)).svg;

  it("writes an SVG with a lane for each board and broker, and names the faults", async () => {
    const trace = writeTrace("small.jsonl", [
      boot(0, "kitchen"),
      connect(SEC, "kitchen"),
      publish(2 * SEC, "kitchen"),
      [3 * SEC, "fault", "begin", { id: 1, fault: "partition", target: "kitchen" }],
      [9 * SEC, "fault", "end", { id: 1, fault: "partition", target: "kitchen" }],
      [10 * SEC, "board/kitchen", "print", { text: "last" }],
    ]);
    const run = await runCli(["sim", "plot", trace, "--out", fileOf("small.svg")]);
    expect(run).toEqual({
      code: 0,
      stdout: `${fileOf("small.svg")}: 1 board, 1 fault, 10 s\n`,
      stderr: "",
    });
    const svg = readFileSync(fileOf("small.svg"), "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*<\/svg>\n$/s);
    for (const words of [
      ">kitchen<",
      ">hub<",
      ">partition<",
      "partition on kitchen at 3 s for 6 s",
    ])
      expect(svg).toContain(words);
    expect(svg).toContain("prefers-color-scheme:dark");
    expect(svg).not.toContain("<script");
  });

  it("escapes what boards say and are called", () => {
    const name = `<b>"x" & 'y'`;
    const svg = drawn([
      boot(0, name),
      [SEC, `board/${name}`, "uncaught", { text: "</title><script>\u0007\ud800", place: "a&b" }],
    ]);
    expect(svg).toContain("&lt;b&gt;&quot;x&quot; &amp; 'y'");
    expect(svg).toContain("&lt;/title&gt;&lt;script&gt;\ufffd\ufffd a&amp;b");
    expect(svg).not.toContain(name);
    expect(svg).not.toContain("<script");
  });

  it("takes the trace of a world in real time, which begins a moment after 0", () => {
    const late: Event = [402, "world", "start", { schema: 1, seed: 7, start: 0 }];
    const file = fileOf("realtime.jsonl");
    writeFileSync(file, [late, boot(SEC, "a")].map((event) => traceLine(row(event))).join(""));
    expect(plotTrace(file).summary).toBe("1 board, 0 faults, 1 s");
  });

  it("shows an outage of a second within a year", () => {
    const svg = drawn([
      boot(0, "a"),
      connect(0, "a"),
      close(100 * DAY, "a"),
      connect(100 * DAY + SEC, "a"),
      publish(365 * DAY, "a"),
    ]);
    // 1.6 px wide at 100 days of 365.
    const x = Math.round((170 + (100 / 365) * 960) * 10) / 10;
    expect(svg).toMatch(new RegExp(`class="offline" d="M${x} [\\d.]+h1.6v`));
  });

  it("draws a year of messages as a rate, in a small picture", () => {
    const events: Event[] = [boot(0, "a"), connect(0, "a")];
    for (let t = 0; t < 365 * DAY; t += 1800 * SEC) events.push(publish(t, "a"));
    const svg = drawn(events);
    expect(svg).toContain('class="rate"');
    expect(svg).not.toContain('class="beat"');
    expect(svg).toContain(">17,520<");
    // A steady interval is one area.
    expect(svg.length).toBeLessThan(20_000);
  });

  it("draws a hundred boards and tells of the others, which were online longer", () => {
    const events: Event[] = [];
    for (let i = 1; i <= 120; i++) events.push(boot(0, `b${i}`), connect(i * SEC, `b${i}`));
    events.sort((a, b) => a[0] - b[0]);
    const svg = drawn(events);
    expect(svg).toContain("and 20 boards more");
    expect(svg).toContain(">b120<");
    expect(svg).toContain(">b21<");
    expect(svg).not.toContain(">b20<");
  });

  it("reads rows that lie across the ends of chunks, and characters too", () => {
    const text = "\u00fc\u20ac".repeat(99);
    const events: Event[] = [boot(0, "a")];
    for (let i = 0; i < 9000; i++) events.push([i, "board/a", "print", { text }]);
    expect(drawn(events)).toContain("9,002 rows");
  });

  const start = traceLine(row(START));
  it.each([
    { name: "no JSON", text: `${start}{"t":1,`, problem: ":2: not a row of a trace" },
    { name: "no row", text: `${start}[1]\n`, problem: ":2: not a row of a trace" },
    {
      name: "a fraction of a microsecond",
      text: `${start}{"t":0.5,"on":"net","ev":"x"}\n`,
      problem: ":2: not a row of a trace",
    },
    {
      name: "no start",
      text: '{"t":0,"on":"net","ev":"x"}\n',
      problem: ":1: a trace begins with the start of a world",
    },
    {
      name: "another schema",
      text: start.replace('"schema":1', '"schema":2'),
      problem: ":1: schema 2 is not known, only 1 is",
    },
    {
      name: "time that goes back",
      text: `${start}{"t":5,"on":"net","ev":"x"}\n{"t":4,"on":"net","ev":"x"}\n`,
      problem: ":3: time goes backwards",
    },
    {
      name: "bytes without lines",
      text: "x".repeat(3_000_000),
      problem: ":1: not a row of a trace",
    },
    {
      name: "nothing in the world",
      text: start,
      problem: ": neither boards nor brokers nor faults",
    },
  ])("refuses a file with $name, at its line", ({ text, problem }) => {
    const file = fileOf("bad.jsonl");
    writeFileSync(file, text);
    expect(() => plotTrace(file)).toThrow(`${file}${problem}`);
  });

  it("refuses an empty file and a folder", () => {
    writeFileSync(fileOf("empty.jsonl"), "");
    expect(() => plotTrace(fileOf("empty.jsonl"))).toThrow("empty.jsonl: it is empty");
    expect(() => plotTrace(folder)).toThrow(`cannot read ${folder}: not a file`);
  });

  it.each([
    {
      name: "a missing file",
      args: ["missing.jsonl", "--out", "x.svg"],
      code: 1,
      problem: "cannot read missing.jsonl: no such file",
    },
    {
      name: "a folder that is not there",
      args: ["good.jsonl", "--out", "no/x.svg"],
      code: 1,
      problem: "cannot write no/x.svg: no such folder",
    },
    {
      name: "the trace itself as --out",
      args: ["good.jsonl", "--out", "good.jsonl"],
      code: 2,
      problem: "--out would overwrite the trace",
    },
    {
      name: "no --out",
      args: ["good.jsonl"],
      code: 2,
      problem: "required option '-o, --out <file>' not specified",
    },
  ])("says in one line what is wrong with $name", async ({ args, code, problem }) => {
    writeTrace("good.jsonl", [boot(0, "a")]);
    const absolute = args.map((arg) => (arg.startsWith("--") ? arg : fileOf(arg)));
    const run = await runCli(["sim", "plot", ...absolute]);
    const words = problem.replace(
      /(read|write) (\S+):/,
      (_, verb, file) => `${verb} ${fileOf(file)}:`,
    );
    expect(run).toEqual({ code, stdout: "", stderr: `lubdub sim: ${words}\n` });
  });
});
