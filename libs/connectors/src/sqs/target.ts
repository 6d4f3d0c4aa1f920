import { ConnectorError } from '#lib/connector-sdk';
import type { ResolvedSqsConfig } from './config.ts';

/** Where a queue is and who asks. */
export interface Target {
  readonly queueUrl: string;
  /** Its server's origin: what requests are signed for. The only address that is dialled. */
  readonly endpoint: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Messages of a group come, and are deleted, in their order. */
  readonly fifo: boolean;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The region in the names AWS gives to its servers of queues; other hosts (a private endpoint, another server) name none. */
const REGION_IN_HOST = /(?:^|\.)(?:sqs|sqs-fips)\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$/;

const misconfigured = (message: string): ConnectorError => new ConnectorError('misconfigured', message);

/** Judges a rendered configuration. Throws ConnectorError `misconfigured` that names the field. */
export function targetOf({ credential, ...config }: ResolvedSqsConfig): Target {
  const { queueUrl } = config;
  if (!URL.canParse(queueUrl)) throw misconfigured('queueUrl must be the URL of a queue, beginning with https://.');
  const url = new URL(queueUrl);
  const secure = url.protocol === 'https:';
  if (!secure && url.protocol !== 'http:') throw misconfigured('queueUrl must begin with https:// or http://.');
  if (url.username !== '' || url.password !== '') throw misconfigured('queueUrl must not carry a user name or password.');
  if (url.search !== '' || url.hash !== '') throw misconfigured('queueUrl must end with the name of the queue.');
  const name = url.pathname.split('/').pop() ?? '';
  if (name === '') throw misconfigured('queueUrl names no queue: it must end with its name, as …/123456789012/my-queue.');
  const region = config.region ?? credential?.region;
  if (region === undefined) throw misconfigured('region is required.');
  // It becomes part of what is signed, and of nothing else: but no region has other letters.
  if (!/^[A-Za-z0-9-]+$/.test(region)) throw misconfigured('region must be the name of a region, as us-east-1.');
  const [, named] = REGION_IN_HOST.exec(url.hostname) ?? [];
  if (named !== undefined && named !== region) throw misconfigured(`queueUrl is in ${named} and region is ${region}: change one of them.`);
  const { accessKeyId, secretAccessKey } = credential ?? config;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw misconfigured('accessKeyId and secretAccessKey are required, or a service credential.');
  return {
    queueUrl,
    endpoint: url.origin,
    host: url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
    fifo: name.endsWith('.fifo'),
    region,
    accessKeyId,
    secretAccessKey,
  };
}
