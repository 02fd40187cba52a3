// SPDX-License-Identifier: MIT
// A device made of nothing but the wire contract: builds, signs and sends beats from the host, so
// that the host side is tested without firmware, and wrongly on purpose where a test asks for it.
import { createHash, createHmac } from "node:crypto";
import mqtt from "mqtt";
import type { MqttClient } from "mqtt";
import { attachToken } from "../../firmware/wire/heartbeat.ts";
import { encodeStatus } from "../../firmware/wire/status.ts";
import type { StatusReason } from "../../firmware/wire/status.ts";
import { topicOf } from "../../firmware/wire/topics.ts";

/** Key of all fake devices. */
export const FAKE_KEY = Buffer.alloc(32, 7);

/** Wall clock of tests that need a fixed one: 2026-01-01T00:00:00Z, epoch ms. */
export const FAKE_WALL_MS = 1_767_225_600_000;

/** Members of a body; the defaults make a correct one. */
export function fakeBody(members: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    device_id: "kitchen",
    timestamp: "2026-01-01T00:00:00.000Z",
    status: "alive",
    boot: 3,
    session: 1,
    seq: 1,
    uptime_ms: 1000,
    interval_s: 2,
    clock: "synced",
    missed: 0,
    max_late_ms: 0,
    telemetry: { vars: 2000, rtt_ms: 3 },
    ...members,
  };
}

/** What to sign otherwise than right. */
export interface SignOptions {
  key?: Buffer;
  wallMs?: number;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  hash?: "sha256" | "sha512";
}

/** Makes a compact token. */
export function signToken(claims: object, options: SignOptions = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ alg: "HS256", typ: "JWT", kid: "1", ...options.header });
  const input = `${header}.${part(claims)}`;
  const hmac = createHmac(options.hash ?? "sha256", options.key ?? FAKE_KEY).update(input);
  return `${input}.${hmac.digest("base64url")}`;
}

/** Signs a serialised body the way a device does and gives the payload. */
export function signBody(body: string, options: SignOptions = {}): Buffer {
  const parsed = JSON.parse(body) as Record<string, unknown>;
  const iat = Math.floor((options.wallMs ?? FAKE_WALL_MS) / 1000);
  const claims = {
    iss: parsed["device_id"],
    sub: parsed["device_id"],
    aud: "lubdub",
    iat,
    exp: iat + 300,
    boot: parsed["boot"],
    seq: parsed["seq"],
    bh: createHash("sha256").update(body, "latin1").digest("base64url"),
    ...options.claims,
  };
  return Buffer.from(attachToken(body, signToken(claims, options)), "latin1");
}

/** Makes a signed payload from body members. */
export function signedBeat(
  members: Record<string, unknown> = {},
  options: SignOptions = {},
): Buffer {
  return signBody(JSON.stringify(fakeBody(members)), options);
}

/** A fake device at a broker. */
export interface FakeDevice {
  /** Publishes birth, then a beat at once and every `intervalMs`. */
  powerOn(): void;
  /** `lubdub.stop()` publishes a last beat and the shutdown status and disconnects. */
  evaluate(expression: string): unknown;
  /** The connection is gone without a word. */
  powerOff(): void;
}

/** How a fake device behaves. */
export interface FakeDeviceOptions {
  url: string;
  deviceId: string;
  intervalMs: number;
  prefix?: string;
  key?: Buffer;
  boot?: number;
  onPrint?(line: string): void;
  /** Sequence numbers that are never sent. */
  skip?: number[];
}

/** Creates a fake device, off. */
export function createFakeDevice(options: FakeDeviceOptions): FakeDevice {
  const { deviceId, intervalMs } = options;
  const prefix = options.prefix ?? "devices";
  const boot = options.boot ?? 1;
  const statusTopic = topicOf(prefix, deviceId, "status");
  const print = options.onPrint ?? (() => {});
  let client: MqttClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let seq = 0;
  let session = 0;

  function say(reason: StatusReason, done?: () => void): void {
    const payload = encodeStatus(deviceId, reason, boot, session);
    client?.publish(statusTopic, payload, { qos: 1, retain: true }, done);
  }

  function beat(status: string): void {
    seq++;
    if (options.skip?.includes(seq)) return;
    const members = {
      device_id: deviceId,
      status,
      boot,
      session,
      seq,
      interval_s: intervalMs / 1000,
    };
    const signing = { key: options.key ?? FAKE_KEY, wallMs: Date.now() };
    const topic = topicOf(prefix, deviceId, "heartbeat");
    client?.publish(topic, signedBeat(members, signing), { qos: 1 });
  }

  return {
    powerOn: () => {
      client = mqtt.connect(options.url, {
        clientId: deviceId,
        reconnectPeriod: 200,
        will: {
          topic: statusTopic,
          payload: Buffer.from(encodeStatus(deviceId, "will", boot, 1)),
          qos: 1,
          retain: true,
        },
      });
      client.on("error", () => {});
      client.on("connect", () => {
        session++;
        say("birth");
      });
      print("1 I app ready");
      beat("alive");
      timer = setInterval(() => beat("alive"), intervalMs);
    },
    evaluate: (expression) => {
      if (expression !== "lubdub.stop()") throw new Error(`unknown expression ${expression}`);
      clearInterval(timer);
      beat("stopping");
      print("2 I heartbeat stopped");
      say("shutdown", () => {
        client?.end();
        print("2 I app stopped");
      });
      return undefined;
    },
    powerOff: () => {
      clearInterval(timer);
      client?.end(true);
    },
  };
}
