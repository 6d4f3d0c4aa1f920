/** What the sandbox's two sides say to each other: messages between the engine's thread and a worker's. */

/** CPU a script may use, ms. */
export const SCRIPT_CPU_MS = 5_000;
/** Memory a script may use, bytes. */
export const SCRIPT_MEMORY = 64 * 1024 * 1024;
/** Lines of console output kept of one call, and characters of each. */
export const MAX_LINES = 100;
export const MAX_LINE = 4_096;

/** A user's function body, called with `payload`. */
export interface Script {
  readonly source: string;
  readonly payload: unknown;
  /** Scripts of one application take turns, so that they can't keep another's waiting. */
  readonly applicationId: string;
  /** Asked before it starts: nobody waits for the result any more. */
  readonly abandoned: () => boolean;
}

export type ConsoleLevel = 'verbose' | 'info' | 'warn' | 'error';
export interface ConsoleLine {
  readonly level: ConsoleLevel;
  readonly text: string;
}

/** The payload afterwards (returned, or as the script left it), or what was thrown. */
export type ScriptOutcome = { readonly lines: readonly ConsoleLine[] } & (
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly name: string; readonly message: string }
);

/**
 * Crosses into the sandbox as text: JSON of `{payload}`, and the paths in it at which a string stands for a Date. Nothing else survives that JSON doesn't carry.
 */
export interface Carried {
  readonly json: string;
  readonly dates: readonly (readonly string[])[];
}

export interface ScriptRequest extends Carried {
  readonly source: string;
  /** CPU it may use, ms. */
  readonly cpuMs: number;
}

export type ScriptAnswer = { readonly lines: readonly ConsoleLine[] } & (
  | ({ readonly ok: true } & Carried)
  | { readonly ok: false; readonly name: string; readonly message: string }
);

/** Throws TypeError for a payload that refers to itself. */
export function carry(payload: unknown): Carried {
  const root = { payload };
  const json = JSON.stringify(root);
  const dates: string[][] = [];
  const visit = (value: unknown, path: string[]): void => {
    if (value === null || typeof value !== 'object') return;
    if (value instanceof Date) dates.push(path);
    else for (const key of Object.keys(value)) visit((value as Record<string, unknown>)[key], [...path, key]);
  };
  visit(root, []);
  return { json, dates };
}

/** Trusts nothing: the text comes from a script. */
export function uncarry({ json, dates }: Carried): unknown {
  const root = JSON.parse(json) as { payload?: unknown };
  for (const path of dates) {
    let at: unknown = root;
    for (const key of path.slice(0, -1)) at = ownValue(at, key);
    const last = path.at(-1);
    const text = last === undefined ? undefined : ownValue(at, last);
    if (typeof text === 'string' && last !== undefined) (at as Record<string, unknown>)[last] = new Date(text);
  }
  return root.payload;
}

const ownValue = (value: unknown, key: string): unknown =>
  value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
