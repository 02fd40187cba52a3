// SPDX-License-Identifier: MIT
// The one error class of the host side. Expected failures (a port in use, a missing build, a bad
// option) are AppErrors and end as one line on stderr; anything else is a bug.

/** Exit code of a program: 1 it failed, 2 it was called wrongly. */
export type FailureExitCode = 1 | 2;

/** What an AppError may carry besides its text. */
export interface AppErrorOptions {
  /** The error below it. */
  cause?: unknown;
  /** Default 1. */
  exitCode?: FailureExitCode;
}

/** An expected failure: match on `code` (`E_<AREA>_<WHAT>`), show `message`. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: string;
  readonly exitCode: FailureExitCode;

  constructor(code: string, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Builds the error of a program that was called wrongly; it ends with exit code 2. */
export function usageError(message: string): AppError {
  return new AppError("E_USAGE", message, { exitCode: 2 });
}

/** Text of anything thrown, on one line. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replace(/\s*\n\s*/g, " ").trim();
}

/** Code of a Node system error such as `ECONNREFUSED`, or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (typeof code === "string") return code;
  // A name with several addresses fails with one error per address.
  return Array.isArray(errors) ? systemCode(errors[0]) : undefined;
}
