import { generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { definitionOf, checkIntegration } from '#lib/connectors';
import type { IntegrationType } from '#lib/contracts';
import { checkHost, dial, parseAllow } from '#lib/egress';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordFigure } from './figures.ts';

const production = parseAllow('');

/** Ways to write a forbidden address so that it doesn't look like one. All are refused as text, before anything is resolved. */
const WRITTEN = [
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '0x7F.1',
    '0177.0.0.1',
    '017700000001',
    '0177.0x0.0.1',
    '00000177.1',
  ],
  ...[
    '127.0.0.1.',
    '127.255.255.254',
    '0',
    '0.0.0.0',
    '0x0',
    '255.255.255.255',
    '１２７.０.０.１',
    '127。0。0。1',
    '127．0．0．1',
    '①②⑦.⓪.⓪.①',
  ],
  ...[
    'localhost',
    'LOCALHOST',
    'localhost.',
    'ｌｏｃａｌｈｏｓｔ',
    'foo.localhost',
    'localhost.localdomain',
    'ip6-localhost',
    'localhost..',
  ],
  ...[
    '[::1]',
    '::1',
    '0:0:0:0:0:0:0:1',
    '[0000::0001]',
    '[::]',
    '::',
    '[::ffff:127.0.0.1]',
    '::ffff:7f00:1',
    '[::ffff:7f00:0001]',
    '::127.0.0.1',
  ],
  ...[
    '::ffff:0:127.0.0.1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::1',
    '2606:4700::5efe:127.0.0.1',
    '2001:0:1::1',
  ],
  ...[
    '10.0.0.1',
    '10.1',
    '167772161',
    '0xa000001',
    '012.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '192.168.257',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
  ],
  ...[
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.43518',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
  ],
  ...['metadata.google.internal', 'METADATA.GOOGLE.INTERNAL.', 'fd00:ec2::254', '168.63.129.16', '100.100.100.200', '169.254.170.2'],
  ...[
    'fe80::1',
    'fe80::1%lo',
    '[fe80::1%25eth0]',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '224.0.0.1',
    '100.64.0.1',
    '192.0.0.1',
    '198.18.0.1',
    '240.0.0.1',
  ],
  ...[
    '127.0.0.1:80',
    'user@127.0.0.1',
    '127.0.0.1/x',
    '127.0.0.1#',
    '127.0.0.1\u0000.example.org',
    'example.org\\@127.0.0.1',
    '127.0.0.1%2eexample.org',
  ],
];

/** What a name may resolve to, at the first time or the next. */
const RESOLVED = [
  ...[
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    'fe80::1',
    'fe80::1%lo',
  ],
  ...[
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00:ec2::254',
    '192.168.1.1',
    '100.64.0.1',
    '224.0.0.1',
    '2130706433',
    '0x7f000001',
    'localhost',
    '',
  ],
];

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const keyFile = (fields: Record<string, string>): string =>
  JSON.stringify({ type: 'service_account', project_id: 'p', client_email: 'a@b.c', private_key: key, ...fields });

/** Where a provider's configuration hides a host. */
const HIDDEN: readonly [IntegrationType, string, (host: string) => Record<string, unknown>][] = [
  ['mqtt', 'the host', (host) => ({ protocol: 'mqtt', host, port: 1883 })],
  [
    'sqs',
    'the queue’s URL',
    (host) => ({ queueUrl: `https://${host}/1/q`, region: 'us-east-1', accessKeyId: 'AKIA', secretAccessKey: 'secret' }),
  ],
  ['websocket', 'the URL', (host) => ({ url: `ws://${host}:8080/x?y=z` })],
  ['websocket', 'the URL behind a user name', (host) => ({ url: `ws://example.org@${host}/` })],
  [
    'azureEventHub',
    'the connection string',
    (host) => ({
      hubName: 'h',
      consumerGroup: '$Default',
      connectionString: `Endpoint=sb://${host}/;SharedAccessKeyName=n;SharedAccessKey=k`,
    }),
  ],
  [
    'azureEventHub',
    'a second endpoint of the connection string',
    (host) => ({
      hubName: 'h',
      consumerGroup: 'c',
      connectionString: `Endpoint=sb://a.servicebus.windows.net/;Endpoint=sb://${host}/;SharedAccessKeyName=n;SharedAccessKey=k`,
    }),
  ],
  ['googlePubSub', 'the key file’s token_uri', (host) => ({ keyJson: keyFile({ token_uri: `https://${host}/token` }) })],
  ['googlePubSub', 'the key file’s auth_uri', (host) => ({ keyJson: keyFile({ auth_uri: `http://${host}/` }) })],
  ['googlePubSub', 'the key file’s universe', (host) => ({ keyJson: keyFile({ universe_domain: host }) })],
];
/** Hosts that are hosts in a URL as well. */
const IN_URLS = [
  '127.0.0.1',
  '2130706433',
  '0x7f.1',
  '127。0。0。1',
  '[::1]',
  '[::ffff:127.0.0.1]',
  'localhost',
  '169.254.169.254',
  '10.0.0.1',
  '[64:ff9b::a9fe:a9fe]',
];

let server: Server;
let port: number;
let dials = 0;
beforeAll(async () => {
  server = createServer((socket) => {
    dials += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Whether a dial was refused by the guard, and not just failed. */
const isRefused = (dialled: Promise<{ destroy(): unknown }>): Promise<boolean> =>
  dialled.then(
    (socket) => {
      socket.destroy();
      return false;
    },
    (error: unknown) => (error as { code?: string }).code === 'egressForbidden',
  );

describe('promise 20: addresses that may not be reached', () => {
  it.each(WRITTEN)('%j is refused when it is saved', (host) => expect(checkHost(production, host)?.code).toBe('egressForbidden'));

  it.each(WRITTEN)('%j is refused when it is dialled, whatever a resolver would say', async (host) => {
    const resolve = async (): Promise<{ address: string; family: number }[]> => [{ address: '127.0.0.1', family: 4 }];
    expect(await isRefused(dial(production, host, port, { resolve }))).toBe(true);
  });

  it.each(RESOLVED)('a name that resolves to %j is refused, alone and beside a public address', async (address) => {
    for (const addresses of [[address], ['93.184.216.34', address], [address, '93.184.216.34']]) {
      const resolve = async (): Promise<{ address: string; family: number }[]> => addresses.map((one) => ({ address: one, family: 4 }));
      expect(await isRefused(dial(production, 'trick.example', port, { resolve }))).toBe(true);
    }
  });

  it('a name that is rebound after the check is not asked a second time, and is refused at the next dial', async () => {
    // The test's stand-in for a public server is a loopback address the operator allows; the rebound one is this machine's real service.
    const policy = parseAllow('127.0.0.9/32');
    let asked = 0;
    const resolve = async (): Promise<{ address: string; family: number }[]> => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.9' : '127.0.0.1', family: 4 }];
    };
    const before = dials;
    const socket = await dial(policy, 'rebound.example', port, { resolve });
    expect(socket.remoteAddress).toBe('127.0.0.9');
    socket.destroy();
    expect(asked).toBe(1);
    await expect.poll(() => dials).toBe(before + 1);
    expect(await isRefused(dial(policy, 'rebound.example', port, { resolve }))).toBe(true);
    dials = before;
  });

  const hidden = HIDDEN.flatMap(([type, where, configure]) => IN_URLS.map((host) => ({ type, where, host, config: configure(host) })));
  it.each(hidden)('$host in $where of a $type integration is refused when it is saved', ({ type, config }) => {
    const host = (name: string): string | undefined => checkHost(production, name)?.message;
    expect(checkIntegration(definitionOf(type), { topics: [], config }, { host }).ok).toBe(false);
  });

  const alwaysRefused = new Set(['the URL behind a user name', 'a second endpoint of the connection string']);
  it.each(HIDDEN.filter(([, where]) => !alwaysRefused.has(where)))(
    'a public host of a %s integration is accepted in %s',
    (type, _where, configure) => {
      const host = (name: string): string | undefined => checkHost(production, name)?.message;
      expect(checkIntegration(definitionOf(type), { topics: [], config: configure('a.example.org') }, { host })).toMatchObject({
        ok: true,
      });
    },
  );

  it('not one of them was dialled', () => {
    const tricks = WRITTEN.length + RESOLVED.length + hidden.length + 1;
    expect(tricks).toBeGreaterThanOrEqual(60);
    recordFigure({
      promise: 20,
      what: 'address tricks at save and at dial',
      figure: `${tricks} tricks, ${dials} forbidden dials`,
      holds: dials === 0,
    });
    expect(dials).toBe(0);
  });
});
