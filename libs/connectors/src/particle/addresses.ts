import { ConnectorError } from '#lib/connector-sdk';
import { isCompressed } from '../http.ts';
import type { Answer } from './answer.ts';
import type { ParticleConfig, ParticleSend } from './config.ts';
import type { Request } from './request.ts';

type Scope = Omit<ParticleConfig, 'accessToken'>;

/** One segment of a path. `.` and `..` would name another place, whatever is done to escape them. */
function segment(value: string, field: string): string {
  if (value === '.' || value === '..') throw new ConnectorError('misconfigured', `${field} must not be ${value}.`);
  return encodeURIComponent(Buffer.from(value).toString('utf8'));
}

/** The longest beginning that all the topics have: all that the cloud needs to send. */
function commonPrefix(topics: readonly string[]): string {
  const [first = '', ...others] = topics.map((topic) => topic.replace(/\*$/, ''));
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--;
  // Half a character can't be sent; without it the filter is only wider.
  return first.slice(0, length).replace(/[\ud800-\udfff].*$/su, '');
}

/**
 * The path of the event stream below the cloud's URL: one stream carries all the topics, as the cloud limits streams by address. Never the public stream: with
 * no device, product or organization it is that of the owner's devices. Throws ConnectorError `misconfigured`.
 */
export function eventsPath({ deviceNameOrId, productSlugOrId, orgSlugOrId }: Scope, topics: readonly string[]): string {
  const parts = ['v1'];
  if (orgSlugOrId !== undefined) parts.push('orgs', segment(orgSlugOrId, 'orgSlugOrId'));
  if (productSlugOrId !== undefined) parts.push('products', segment(productSlugOrId, 'productSlugOrId'));
  if (deviceNameOrId !== undefined) parts.push('devices', segment(deviceNameOrId, 'deviceNameOrId'));
  else if (orgSlugOrId === undefined && productSlugOrId === undefined) parts.push('devices');
  const prefix = commonPrefix(topics);
  return `/${[...parts, 'events', ...(prefix === '' || prefix === '.' || prefix === '..' ? [] : [encodeURIComponent(prefix)])].join('/')}`;
}

export const streamRequest = (scope: Scope, topics: readonly string[]): Request => ({
  method: 'GET',
  path: eventsPath(scope, topics),
  headers: { Accept: 'text/event-stream', 'Accept-Encoding': 'identity', 'Cache-Control': 'no-cache', Connection: 'keep-alive' },
});

/** A compressed one is none, though it was asked not to be: no event would be found in it, and yet each byte would look like a proof. */
export const isEventStream = ({ statusCode, headers }: Pick<Answer, 'statusCode' | 'headers'>): boolean =>
  statusCode === 200 && /^text\/event-stream\b/i.test(headers['content-type'] ?? '') && !isCompressed(headers);

/** The path of a function. Throws ConnectorError `refused` or `misconfigured`. */
export function functionPath({ deviceNameOrId, productSlugOrId }: Scope, { name, device, product }: ParticleSend): string {
  const target = deviceNameOrId ?? device;
  if (target === undefined) throw new ConnectorError('refused', 'device is required: the integration is not that of one device.');
  const owner = product ?? productSlugOrId;
  const parts = ['v1', ...(owner === undefined ? [] : ['products', segment(owner, 'product')])];
  return `/${[...parts, 'devices', segment(target, 'device'), segment(name, 'name')].join('/')}`;
}

/** Whether an event of this name is asked for: the cloud filters by a prefix only. */
export function wantedNames(topics: readonly string[]): (name: string) => boolean {
  const exact = new Set(topics.filter((topic) => !topic.endsWith('*')));
  const prefixes = topics.filter((topic) => topic.endsWith('*')).map((topic) => topic.slice(0, -1));
  return (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}
