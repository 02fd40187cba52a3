// SPDX-License-Identifier: MIT
// NTP answers for firmware tests, right or wrong field by field (RFC 5905 section 7.3).

/** What an answer holds; what is not given is right. */
export interface TimeAnswer {
  /** Leap, version and mode, packed. */
  head?: number;
  stratum?: number;
  /** Reference identifier: four letters. */
  reference?: string;
  /** Root delay and dispersion, s. */
  rootDelaySec?: number;
  rootDispersionSec?: number;
  /** Originate timestamp: 8 bytes. */
  origin?: string;
  /** Receive and transmit timestamp, epoch ms; `null`: zero. */
  receivedMs?: number;
  sentMs?: number | null;
  /** How many of the 48 bytes there are. */
  bytes?: number;
}

const EPOCH_SEC = 2_208_988_800;

function writeTime(packet: Buffer, at: number, epochMs: number): void {
  const ticks = (BigInt(Math.round(epochMs * 1000)) << 32n) / 1_000_000n;
  packet.writeBigUInt64BE(BigInt.asUintN(64, ticks + (BigInt(EPOCH_SEC) << 32n)), at);
}

/** Makes the answer to a request of a server whose clock shows `wallMs` (epoch ms). */
export function timeAnswer(request: string, wallMs: number, lie: TimeAnswer = {}): string {
  const packet = Buffer.alloc(48);
  packet[0] = lie.head ?? 0x24;
  packet[1] = lie.stratum ?? 2;
  packet[2] = 6;
  packet[3] = 0xec;
  packet.writeUInt32BE(Math.round((lie.rootDelaySec ?? 0.01) * 65536), 4);
  packet.writeUInt32BE(Math.round((lie.rootDispersionSec ?? 0.02) * 65536), 8);
  packet.write(lie.reference ?? "TEST", 12, 4, "latin1");
  writeTime(packet, 16, wallMs - 64_000);
  packet.write(lie.origin ?? request.slice(40, 48), 24, 8, "latin1");
  writeTime(packet, 32, lie.receivedMs ?? wallMs);
  if (lie.sentMs !== null) writeTime(packet, 40, lie.sentMs ?? wallMs);
  return packet.subarray(0, lie.bytes ?? 48).toString("latin1");
}
