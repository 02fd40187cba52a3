// SPDX-License-Identifier: MIT
// The faults there are: one row each. To add one: a file here, a row, a test in
// test/sim/faults/.
import type { AnyFault } from "./fault.ts";
import { bandwidth } from "./bandwidth.ts";
import { blackHole } from "./black-hole.ts";
import { blockingConnect } from "./blocking-connect.ts";
import { blockingDns } from "./blocking-dns.ts";
import { brokerRefusal } from "./broker-refusal.ts";
import { brokerRestart } from "./broker-restart.ts";
import { brownout } from "./brownout.ts";
import { clock1970 } from "./clock-1970.ts";
import { clock2036 } from "./clock-2036.ts";
import { clockDrift } from "./clock-drift.ts";
import { clockStep } from "./clock-step.ts";
import { coalesce } from "./coalesce.ts";
import { dhcpFailure } from "./dhcp-failure.ts";
import { dnsFailure } from "./dns-failure.ts";
import { flashFull } from "./flash-full.ts";
import { halfOpen } from "./half-open.ts";
import { httpSlow } from "./http-slow.ts";
import { httpStatus } from "./http-status.ts";
import { httpTruncated } from "./http-truncated.ts";
import { latency } from "./latency.ts";
import { loss } from "./loss.ts";
import { outOfMemory } from "./out-of-memory.ts";
import { partition } from "./partition.ts";
import { powerCut } from "./power-cut.ts";
import { refused } from "./refused.ts";
import { reset } from "./reset.ts";
import { sessionTakeover } from "./session-takeover.ts";
import { slowReader } from "./slow-reader.ts";
import { sntpLie } from "./sntp-lie.ts";
import { split } from "./split.ts";
import { tlsStall } from "./tls-stall.ts";
import { tornWrite } from "./torn-write.ts";
import { weakSignal } from "./weak-signal.ts";
import { wifiDrop } from "./wifi-drop.ts";

/** Every fault by its name. */
export const FAULTS: ReadonlyMap<string, AnyFault> = new Map(
  [
    bandwidth,
    blackHole,
    blockingConnect,
    blockingDns,
    brokerRefusal,
    brokerRestart,
    brownout,
    clock1970,
    clock2036,
    clockDrift,
    clockStep,
    coalesce,
    dhcpFailure,
    dnsFailure,
    flashFull,
    halfOpen,
    httpSlow,
    httpStatus,
    httpTruncated,
    latency,
    loss,
    outOfMemory,
    partition,
    powerCut,
    refused,
    reset,
    sessionTakeover,
    slowReader,
    sntpLie,
    split,
    tlsStall,
    tornWrite,
    weakSignal,
    wifiDrop,
  ].map((fault) => [fault.name, fault]),
);
