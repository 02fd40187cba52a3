// SPDX-License-Identifier: MIT
// Turns the rows of a trace, one after the other, into the lanes of a timeline.
//
// A board is `off` without power; `starting` from its boot until a broker accepts it; `online`
// until the broker or the board ends that connection; `offline` afterwards. In a world
// without brokers it is `on` instead of these three. A client is the board with its name. One with
// another name is the only board that had just connected to that broker, if there is one such.
import { FAULTS } from "../../sim/index.ts";
import type { TraceRow } from "../../sim/index.ts";
import { createLane } from "./plot-lane.ts";
import type { Lane, LaneBuilder, LaneScale, StateTimes } from "./plot-lane.ts";

/** A fault from its beginning to its end. */
export interface FaultBar {
  fault: string;
  target: string;
  fromUs: number;
  /** Equal to `fromUs` for what happens at one moment. */
  toUs: number;
}

/** What a picture shows. */
export interface Timeline {
  seed: number;
  /** Wall-clock time at the start, ms since 1970. */
  startMs: number;
  endUs: number;
  /** In natural order of their names. */
  boards: readonly Lane[];
  brokers: readonly Lane[];
  /** In order of beginning. */
  faults: readonly FaultBar[];
}

/** A timeline that is being made. */
export interface TimelineBuilder {
  /** Takes the next row. */
  add(row: TraceRow): void;
  finish(): Timeline;
}

interface BoardTrack {
  lane: LaneBuilder;
  /** Brokers that have accepted it. */
  brokers: Set<string>;
  /** Open TCP connections to each host; while a session is taken over there are two. */
  links: Map<string, number>;
}

/** Verdicts on heartbeats that were taken. */
const TAKEN_VERDICTS = new Set(["accepted", "fresh", "late", "duplicate"]);

const text = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value ?? "");
const nameOrder = new Intl.Collator("en", { numeric: true });

function getOrAdd<V>(map: Map<string, V>, name: string, make: () => V): V {
  const known = map.get(name);
  if (known !== undefined) return known;
  const made = make();
  map.set(name, made);
  return made;
}

/** Keeps who is a client of which broker, and the states that follow from it. */
function createTracks(scale: LaneScale) {
  const boards = new Map<string, BoardTrack>();
  const brokers = new Map<string, { lane: LaneBuilder }>();
  const boardsOfClients = new Map<string, string>();
  // Boards by the host that they have a TCP connection to and have not been recognized at yet.
  const waitingAt = new Map<string, Set<string>>();

  const board = (name: string): BoardTrack =>
    getOrAdd(boards, name, () => ({
      lane: createLane(name, "off", scale),
      brokers: new Set(),
      links: new Map(),
    }));
  const broker = (name: string): { lane: LaneBuilder } =>
    getOrAdd(brokers, name, () => ({ lane: createLane(name, "up", scale) }));

  const nameOfClient = (client: string): string | undefined =>
    boards.has(client) ? client : boardsOfClients.get(client);
  const boardOf = (client: string): BoardTrack | undefined =>
    boards.get(nameOfClient(client) ?? "");
  const recognize = (client: string, brokerName: string): void => {
    const waiting = getOrAdd(waitingAt, brokerName, () => new Set());
    const [only] = waiting;
    if (waiting.size === 1 && only !== undefined && nameOfClient(client) === undefined)
      boardsOfClients.set(client, only);
    waiting.delete(nameOfClient(client) ?? "");
  };
  const disconnect = (track: BoardTrack, atUs: number, brokerName: string): void => {
    if (!track.brokers.delete(brokerName) || track.brokers.size > 0) return;
    if (track.lane.state === "online") track.lane.setState(atUs, "offline");
  };
  return {
    /** The last will that was published. */
    will: null as TraceRow | null,
    boards,
    brokers,
    board,
    broker,
    boardOf,
    power: (name: string, atUs: number, state: "off" | "starting"): void => {
      const track = board(name);
      // The broker may hold the old connection for a while; it is nobody's any more.
      track.brokers.clear();
      track.links.clear();
      track.lane.setState(atUs, state);
    },
    connect: (brokerName: string, client: string, atUs: number): void => {
      broker(brokerName);
      recognize(client, brokerName);
      const track = boardOf(client);
      if (!track || track.lane.state === "off") return;
      track.brokers.add(brokerName);
      track.lane.setState(atUs, "online");
    },
    disconnect: (brokerName: string, client: string, atUs: number): void => {
      const track = boardOf(client);
      if (track) disconnect(track, atUs, brokerName);
    },
    link: (boardName: string, host: string, atUs: number, change: 1 | -1): void => {
      const track = boards.get(boardName);
      if (!track) return;
      const waiting = getOrAdd(waitingAt, host, () => new Set());
      if (change > 0) waiting.add(boardName);
      else waiting.delete(boardName);
      const count = Math.max(0, (track.links.get(host) ?? 0) + change);
      track.links.set(host, count);
      if (count === 0) disconnect(track, atUs, host);
    },
    stop: (brokerName: string, atUs: number): void => {
      broker(brokerName).lane.setState(atUs, "down");
      for (const track of boards.values()) disconnect(track, atUs, brokerName);
    },
  };
}

/** In a world without brokers nobody can be online, and being on is all that can be told. */
function withoutBrokers(lane: Lane): Lane {
  const renamed = ({ starting = 0, ...others }: StateTimes): StateTimes => ({
    ...others,
    ...(starting > 0 ? { on: starting } : {}),
  });
  const pieces = lane.pieces.map((piece) => ({ ...piece, timesUs: renamed(piece.timesUs) }));
  return { ...lane, pieces, timesUs: renamed(lane.timesUs) };
}

type Tracks = ReturnType<typeof createTracks>;

function addBoardRow(tracks: Tracks, name: string, row: TraceRow): void {
  const { lane } = tracks.board(name);
  switch (row.ev) {
    case "boot":
      tracks.power(name, row.t, "starting");
      return lane.addMark(row.t, "boot", text(row["cause"]));
    case "off":
      return tracks.power(name, row.t, "off");
    case "uncaught":
      return lane.addMark(row.t, "uncaught", `${text(row["text"])} ${text(row["place"])}`);
    case "runaway":
      return lane.addMark(row.t, "runaway", `${text(row["timer"])} ${text(row["place"])}`);
    default:
  }
}

function addBrokerRow(tracks: Tracks, name: string, row: TraceRow): void {
  const { lane } = tracks.broker(name);
  const client = text(row["client"]);
  switch (row.ev) {
    case "connect":
      return tracks.connect(name, client, row.t);
    case "close":
      // A taken-over client is connected still: by the second connection.
      if (row["cause"] !== "takeover") tracks.disconnect(name, client, row.t);
      return undefined;
    case "will":
      tracks.will = row;
      return undefined;
    case "publish": {
      const { will } = tracks;
      // The broker's own doing, in the name of a client that has gone.
      if (will?.t === row.t && will["client"] === client && will["topic"] === row["topic"]) return;
      const sender = tracks.boardOf(client)?.lane;
      const sinceUs = sender?.lastBeatUs ?? null;
      sender?.addBeat(row.t, sinceUs);
      return lane.addBeat(row.t, sinceUs);
    }
    case "refuse":
      return lane.addMark(row.t, "refused", `client ${client}, code ${text(row["code"])}`);
    case "stop":
      return tracks.stop(name, row.t);
    case "start":
      return lane.setState(row.t, "up");
    default:
      return undefined;
  }
}

function addNetRow(tracks: Tracks, { t, ev, from, to }: TraceRow): void {
  if (ev === "connect") tracks.link(text(from), text(to), t, 1);
  else if (ev === "close" || ev === "reset") tracks.link(text(from), text(to), t, -1);
}

/** Creates an empty timeline of `binCount` bins to `endUs`. */
export function createTimeline(scale: LaneScale): TimelineBuilder {
  const tracks = createTracks(scale);
  const faults: FaultBar[] = [];
  const open = new Map<unknown, FaultBar>();
  let seed = 0;
  let startMs = 0;

  const addFaultRow = (row: TraceRow): void => {
    if (row.ev === "begin") {
      const [fault, target] = [text(row["fault"]), text(row["target"])];
      const isInstant = FAULTS.get(fault)?.isInstant ?? false;
      const toUs = isInstant ? row.t : scale.endUs;
      const bar: FaultBar = { fault, target, fromUs: row.t, toUs };
      faults.push(bar);
      open.set(row["id"], bar);
    } else {
      const bar = open.get(row["id"]);
      if (bar) bar.toUs = row.t;
      open.delete(row["id"]);
    }
  };
  const addBeatRow = (row: TraceRow): void => {
    const verdict = text(row["verdict"]);
    if (TAKEN_VERDICTS.has(verdict)) return;
    tracks.boards.get(text(row["device"]))?.lane.addMark(row.t, "refused", `beat ${verdict}`);
  };
  const finishLanes = (some: Map<string, { lane: LaneBuilder }>): Lane[] =>
    [...some.values()]
      .map(({ lane }) => lane.finish())
      .sort((a, b) => nameOrder.compare(a.name, b.name));
  return {
    add: (row) => {
      const slash = row.on.indexOf("/");
      const name = row.on.slice(slash + 1);
      switch (slash < 0 ? row.on : row.on.slice(0, slash)) {
        case "board":
          return addBoardRow(tracks, name, row);
        case "broker":
          return addBrokerRow(tracks, name, row);
        case "net":
          return addNetRow(tracks, row);
        case "fault":
          return addFaultRow(row);
        case "monitor":
          return addBeatRow(row);
        case "world":
          seed = Number(row["seed"] ?? seed);
          startMs = Number(row["start"] ?? startMs);
          return undefined;
        default:
          return undefined;
      }
    },
    finish: () => {
      const brokers = finishLanes(tracks.brokers);
      const boards = finishLanes(tracks.boards);
      return {
        seed,
        startMs,
        endUs: scale.endUs,
        boards: brokers.length > 0 ? boards : boards.map(withoutBrokers),
        brokers,
        faults,
      };
    },
  };
}
