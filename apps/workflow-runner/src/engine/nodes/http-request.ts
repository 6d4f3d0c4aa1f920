import { validateHeaderValue } from 'node:http';
import { NodeError } from '../errors.ts';
import type { HttpAuth } from '../http.ts';
import type { Step } from '../node.ts';
import { render, renderRequired } from './config.ts';
import type { RequestBody } from './http-body.ts';
import type { HttpConfig } from './http-config.ts';

/** Longest and usual time for a request, seconds. */
const MAX_SECONDS = 30;

/** Set by us: they say how the bytes lie on the connection. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function headersOf(step: Step, { headerInfo }: HttpConfig): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { key, valueTemplate } of headerInfo) {
    const name = key.toLowerCase();
    if (FRAMING.has(name)) continue;
    const value = render(step, valueTemplate);
    try {
      validateHeaderValue(name, value);
    } catch {
      throw new NodeError('InvalidHeader', `headerInfo: the value of ${key} has characters that a header can't have`);
    }
    headers[name] = value;
  }
  return headers;
}

/** A form's type names its boundary: no header can know it. */
export const withType = (headers: Record<string, string>, { type }: RequestBody, { bodyType }: HttpConfig): Record<string, string> =>
  type === undefined || (headers['content-type'] !== undefined && bodyType !== 'multipart')
    ? headers
    : { ...headers, 'content-type': type };

/** Headers that say who asks are not repeated in the payload. */
const PRIVATE = /^(?:authorization|proxy-authorization|cookie)$|key|token|secret|password/;
export const shownHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !PRIVATE.test(name)));

export function authOf(step: Step, { authType, authCredentials, credentialNameTemplate }: HttpConfig): HttpAuth {
  const { usernameTemplate, passwordTemplate, keyTemplate, certTemplate } = authCredentials;
  switch (authType) {
    case 'basic':
      return { kind: 'basic', username: render(step, usernameTemplate), password: render(step, passwordTemplate) };
    case 'clientCert':
      return {
        kind: 'clientCert',
        key: renderRequired(step, 'authCredentials.keyTemplate', keyTemplate),
        certificate: renderRequired(step, 'authCredentials.certTemplate', certTemplate),
      };
    case 'credential':
      return { kind: 'credential', name: renderRequired(step, 'credentialNameTemplate', credentialNameTemplate) };
    default:
      return { kind: 'none' };
  }
}

export function secondsOf(step: Step, source: string): number {
  const text = render(step, source).trim();
  if (text === '') return MAX_SECONDS;
  const seconds = Number(text);
  if (!(seconds > 0)) throw new NodeError('InvalidTimeout', 'timeoutTemplate must come out as a number of seconds');
  return Math.min(seconds, MAX_SECONDS);
}
