// SPDX-License-Identifier: MIT
// The simulator's public API: what tools and tests may import. See README.md.
export { BoardError, createBoard } from "./board/board.ts";
export type { Board, BoardOptions } from "./board/board.ts";
export { fromLatin1, latin1, utf8AsBytes } from "./board/bytes.ts";
export { createFlash } from "./board/flash.ts";
export type { Flash, FlashStats } from "./board/flash.ts";
export type { WifiOptions } from "./board/modules/wifi.ts";
export type { ProfileName } from "./board/profile.ts";
export type { Frame } from "./board/realm.ts";
export { checkSyntax } from "./board/syntax.ts";
export type { SyntaxProblem } from "./board/syntax.ts";
export type { ClockTimer, SimClock } from "./clock/clock.ts";
export { createRealClock } from "./clock/real-clock.ts";
export { NetworkError } from "./network/network.ts";
export type { NetworkFailure, SimNetwork, SimSocket } from "./network/network.ts";
export { createRealNetwork } from "./network/real-network.ts";
export type { RealNetworkOptions } from "./network/real-network.ts";
export { createRandom } from "./random.ts";
export type { Random, RandomStream } from "./random.ts";
