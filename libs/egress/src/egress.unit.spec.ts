import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalHost, checkHost, dial, kindOf, parseAllow } from './index.ts';

const none = parseAllow('');

describe('an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['2606:4700:4700::1111', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.15.255.255', 'public'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.0', 'public'],
    ['192.168.1.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['169.254.1.1', 'linkLocal'],
    ['fe80::1', 'linkLocal'],
    ['169.254.169.254', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['0.0.0.0', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['100.64.0.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['::', 'reserved'],
    ['::2', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['2001::1', 'reserved'],
    ['64:ff9b:1::7f00:1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:8.8.8.8', 'public'],
    ['::127.0.0.1', 'loopback'],
    ['::ffff:0:a00:1', 'private'],
    ['64:ff9b::a9fe:a9fe', 'metadata'],
    ['64:ff9b::808:808', 'public'],
    ['2002:7f00:1::', 'loopback'],
    ['2606:4700::5efe:c0a8:101', 'private'],
    ['2606:4700::200:5efe:10.0.0.1', 'private'],
  ])('%s is %s', (address, kind) => expect(kindOf(address)).toBe(kind));
});

describe('a host', () => {
  it.each([
    ['Example.ORG', { name: 'example.org', family: 0 }],
    ['example.org.', { name: 'example.org', family: 0 }],
    ['bücher.example', { name: 'xn--bcher-kva.example', family: 0 }],
    ['2130706433', { name: '127.0.0.1', family: 4 }],
    ['0x7f.1', { name: '127.0.0.1', family: 4 }],
    ['0177.0.0.1', { name: '127.0.0.1', family: 4 }],
    ['[::FFFF:127.0.0.1]', { name: '::ffff:7f00:1', family: 6 }],
    ['１２７。０。０。１', { name: '127.0.0.1', family: 4 }],
  ])('%s is read as every client will read it', (host, canonical) => expect(canonicalHost(host)).toEqual(canonical));

  it.each([
    '',
    '.',
    '..',
    'a..b',
    '.a',
    'a..',
    'a b',
    'a/b',
    'a:1',
    'u@a',
    'a%2eb',
    'a\u0000',
    'a\\b',
    '[::1',
    'fe80::1%eth0',
    '[fe80::1%25eth0]',
    '1.2.3.4.5',
    '256.1.1.1',
    'x'.repeat(254),
  ])('%j is none', (host) => expect(canonicalHost(host)).toBeUndefined());
});

describe('what the operator allows', () => {
  it.each([
    ['loopback', '127.0.0.1', true],
    ['loopback', 'localhost', true],
    ['loopback', '::1', true],
    ['loopback', '10.0.0.1', false],
    ['private', '10.0.0.1', true],
    ['private', '127.0.0.1', false],
    ['private', '169.254.169.254', false],
    ['loopback,private', '169.254.169.254', false],
    ['10.1.0.0/16', '10.1.2.3', true],
    ['10.1.0.0/16', '10.2.0.1', false],
    ['10.1.0.0/16', '::ffff:10.1.2.3', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['127.0.0.0/8', 'localhost', true],
    [' fd00::/8 , 10.0.0.0/8 ', 'fd00::1', true],
    ['0.0.0.0/0', '169.254.169.254', true],
    ['', '93.184.216.34', true],
    ['', 'metadata.google.internal', false],
  ])('%j lets %s: %s', (allow, host, allowed) => expect(checkHost(parseAllow(allow), host) === undefined).toBe(allowed));

  it.each(['lookback', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0/8', 'fe80::1%eth0', 'example.org', '::/129'])(
    '%s is refused by name',
    (allow) => expect(() => parseAllow(`loopback,${allow}`)).toThrow(`"${allow}"`),
  );
});

describe('dialling', () => {
  let server: Server;
  let port: number;
  let accepted = 0;
  beforeAll(async () => {
    server = createServer((socket) => {
      accepted += 1;
      socket.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('connects to a name by one of exactly the addresses it checked', async () => {
    const asked: string[] = [];
    const socket = await dial(parseAllow('loopback'), 'Broker.Example.', port, {
      resolve: async (name) => {
        asked.push(name);
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
    expect(asked).toEqual(['broker.example']);
    await expect.poll(() => accepted).toBe(1);
  });

  it('tries the next address when one refuses', async () => {
    const socket = await dial(parseAllow('loopback'), 'two.example', port, {
      resolve: async () => [
        { address: '127.0.0.2', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  it('refuses a name as a whole when one of its addresses is forbidden', async () => {
    const resolve = async (): Promise<{ address: string; family: number }[]> => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ];
    await expect(dial(none, 'mixed.example', port, { resolve })).rejects.toMatchObject({ code: 'egressForbidden' });
  });

  it('says when a name has no address, and keeps the resolver’s reason', async () => {
    const cause = Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' });
    await expect(dial(none, 'nowhere.example', port, { resolve: () => Promise.reject(cause) })).rejects.toMatchObject({
      code: 'egressUnresolved',
      cause,
    });
    await expect(dial(none, 'empty.example', port, { resolve: async () => [] })).rejects.toMatchObject({ code: 'egressUnresolved' });
  });

  it('gives up at its deadline and at the caller’s signal, even while a name is being resolved', async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    await expect(dial(none, 'slow.example', port, { resolve: never, timeoutMs: 20 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const stop = new AbortController();
    const dialled = dial(none, 'slow.example', port, { resolve: never, signal: stop.signal });
    stop.abort(new Error('changed my mind'));
    await expect(dialled).rejects.toThrow('changed my mind');
    await expect(dial(parseAllow('loopback'), '127.0.0.1', port, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
      'before',
    );
  });

  it.each([0, -1, 65_536, 1.5, Number.NaN])('refuses the port %s', async (wrong) => {
    await expect(dial(parseAllow('loopback'), '127.0.0.1', wrong)).rejects.toMatchObject({ code: 'egressForbidden' });
  });

  it('hands on the socket’s own error', async () => {
    await expect(dial(parseAllow('loopback'), '127.0.0.3', port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
