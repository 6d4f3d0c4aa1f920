import type { IncomingMessage } from 'node:http';
import { problem } from '../api/problem.ts';

/** Bytes of a request's body, at most. */
export const MAX_BODY = 1024 * 1024;
/** Levels of objects and lists in a body, at most: what we pass it on to must be able to walk it. */
export const MAX_DEPTH = 100;

/**
 * The JSON body of a request; undefined when it has none. Read only after the caller was admitted. Throws 413 beyond {@link MAX_BODY}, 415 for anything
 * but JSON in UTF-8, 400 for what doesn't parse or couldn't be stored. No message quotes the body: it may hold a secret.
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const { headers } = request;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return undefined;
  if (Number(headers['content-length'] ?? 0) > MAX_DROPPED) throw tooLarge();
  if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
    throw problem('UnsupportedMediaType', 'A compressed body is not accepted');
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  if (!isJson(headers['content-type']))
    throw problem('UnsupportedMediaType', 'The body must be JSON, sent with Content-Type: application/json');
  const body = parse(bytes);
  checkStorable(body);
  return body;
}

const tooLarge = () => problem('TooLarge', `The body is larger than ${MAX_BODY} bytes`);

/** A body that is too large is still read up to here, and dropped, so that its sender gets to read the refusal. */
const MAX_DROPPED = 16 * MAX_BODY;

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Left early, an iterator would destroy the connection before the refusal is sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY) chunks.push(chunk);
    else chunks.length = 0;
    if (size > MAX_DROPPED) throw tooLarge();
  }
  if (size > MAX_BODY) throw tooLarge();
  return Buffer.concat(chunks);
}

/** Whether an answer now would leave so much of the request unread that its sender may wait for us to read it: the connection must end with the answer. */
export function leavesMuchUnread(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return encoding !== undefined || Number(length ?? 0) > SOON_READ;
}

/** Bytes that are in the socket's buffers already, or will be. */
const SOON_READ = 16 * 1024;

function isJson(contentType: string | undefined): boolean {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  return type.trim() === 'application/json' && (charset === undefined || /^charset="?utf-?8"?$/.test(charset));
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's own message quotes the input.
    throw problem('Validation', 'The body is not valid JSON in UTF-8');
  }
}

/** Refuses what parses but that no store behind us can hold, or that would confuse it: too deep, NUL or half characters, `__proto__`. */
function checkStorable(body: unknown): void {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const value of level) {
      if (depth >= MAX_DEPTH && typeof value === 'object' && value !== null)
        throw problem('Validation', `The body is nested deeper than ${MAX_DEPTH} levels`);
      if (typeof value === 'string') checkText(value);
      else if (Array.isArray(value)) for (const entry of value) next.push(entry);
      else if (typeof value === 'object' && value !== null)
        for (const [key, entry] of Object.entries(value)) {
          if (key === '__proto__') throw problem('Validation', 'The body must not have a property __proto__');
          checkText(key);
          next.push(entry);
        }
    }
    level = next;
  }
}

function checkText(text: string): void {
  if (text.includes('\0') || /\p{Surrogate}/u.test(text))
    throw problem('Validation', 'The body must not have NUL or half characters in its texts');
}
