import type { Budget } from '../budget.ts';
import { isObject, toText } from '../values.ts';
import type { InlineHelper } from './types.ts';

/** An encoding that refuses its input (a lone surrogate, a malformed escape) gives undefined, which renders as nothing. */
const coded =
  (code: (text: string) => string): InlineHelper =>
  ([value], _hash, { budget }) => {
    const text = toText(value, budget);
    budget.spend(text.length / 64);
    try {
      return code(text);
    } catch (thrown) {
      if (thrown instanceof URIError) return undefined;
      throw thrown;
    }
  };

/** `a=1&b=2&b=3`: a list repeats its key, nested objects are JSON, undefined is left out. */
function queryString(value: unknown, budget: Budget): string {
  if (!isObject(value)) return '';
  const query = new URLSearchParams();
  const add = (key: string, entry: unknown): void => {
    budget.spend(1);
    query.append(key, isObject(entry) || Array.isArray(entry) ? encodeJson(entry, budget) : toText(entry, budget));
  };
  for (const [key, entry] of Object.entries(value)) {
    if (Array.isArray(entry)) for (const one of entry) add(key, one);
    else if (entry !== undefined) add(key, entry);
  }
  return query.toString().replaceAll('+', '%20');
}

/** JSON within the budget; '' for what JSON can't say. */
export function encodeJson(value: unknown, budget: Budget, spacer?: string | number): string {
  budget.measure(value, typeof spacer === 'string' ? Math.min(10, spacer.length) : Math.min(10, spacer ?? 0));
  return JSON.stringify(value, undefined, spacer) ?? '';
}

function decodeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // what doesn't parse is nothing; the parser's message would quote the value
  }
}

export const ENCODING: Readonly<Record<string, InlineHelper>> = {
  encodeURI: coded(encodeURI),
  encodeURIComponent: coded(encodeURIComponent),
  decodeURI: coded(decodeURI),
  decodeURIComponent: coded(decodeURIComponent),
  encodeBase64: coded((text) => Buffer.from(text, 'utf8').toString('base64')),
  decodeBase64: coded((text) => Buffer.from(text, 'base64').toString('utf8')),
  queryStringEncode: ([value], _hash, { budget }) => queryString(value, budget),
  /** With a spacer (text, or a number of spaces, ≤ 10) it is indented. */
  jsonEncode: ([value, spacer], _hash, { budget }) =>
    encodeJson(value, budget, typeof spacer === 'string' || typeof spacer === 'number' ? spacer : undefined),
  /** Undefined when it is no JSON. What isn't text is left as it is. */
  jsonDecode: ([value], _hash, { budget }) => {
    if (typeof value !== 'string') return value;
    budget.spend(value.length / 64);
    return decodeJson(value);
  },
};
