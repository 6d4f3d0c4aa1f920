import { z } from 'zod';

/** Query parameters as a server hands them over: flat, `triggerFilter[0][type]` still a key of its own. */
export type RawQuery = Record<string, unknown>;

const BRACKETS = /^triggerFilter\[(\d{0,3})\]\[(\w{1,16})\]$/;

/** Reads `triggerFilter`, which clients send as JSON or as `triggerFilter[0][type]=…`. Text that is no JSON, and a key that means nothing, are left for the schema to refuse. */
function foldTriggerFilter(raw: RawQuery): unknown {
  const whole = raw['triggerFilter'];
  if (typeof whole === 'string') {
    try {
      return JSON.parse(whole);
    } catch {
      return whole;
    }
  }
  if (whole !== undefined) return whole;
  const entries = new Map<string, Record<string, unknown>>();
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith('triggerFilter[')) continue;
    const match = BRACKETS.exec(key);
    if (match === null) return key;
    const index = match[1] ?? '';
    entries.set(index, { ...entries.get(index), [match[2] ?? '']: value });
  }
  return entries.size === 0 ? undefined : [...entries.values()];
}

/** Parses query parameters: blank ones count as absent, parameters an operation doesn't know (`_actions`, `_links`, …) are ignored, unknown values refused. */
export function parseQuery<S extends z.ZodObject>(schema: S, raw: RawQuery): z.ZodSafeParseResult<z.output<S>> {
  const present: Record<string, unknown> = Object.fromEntries(
    Object.entries(raw).filter(([, value]) => value !== '' && value !== undefined && value !== null),
  );
  if ('triggerFilter' in schema.shape) {
    const folded = foldTriggerFilter(present);
    if (folded !== undefined) present['triggerFilter'] = folded;
  }
  return schema.safeParse(present);
}
