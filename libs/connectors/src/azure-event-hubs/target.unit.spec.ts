import { describe, expect, it } from 'vitest';
import { startOf } from './settings.ts';
import { targetOf } from './target.ts';

const HUB = { hubName: 'readings', consumerGroup: '$Default' };
const KEY = 'SharedAccessKeyName=n;SharedAccessKey=k=';
const at = (connectionString: string): ReturnType<typeof targetOf> => targetOf({ ...HUB, connectionString });

describe('where a hub is', () => {
  it('is at the port that is named, also where that is the well-known one of another protocol', () => {
    expect(at(`Endpoint=sb://127.0.0.1:80;${KEY}`)).toMatchObject({ host: '127.0.0.1', port: 80 });
  });

  it.each([
    [
      `Endpoint=sb://ns.servicebus.windows.net/;${KEY}`,
      { host: 'ns.servicebus.windows.net', port: 5671, secure: true, access: { name: 'n', key: 'k=' } },
    ],
    [`Endpoint=sb://ns.example:7000/;${KEY};EntityPath=readings`, { host: 'ns.example', port: 7000, secure: true }],
    [`Endpoint=sb://localhost;${KEY};UseDevelopmentEmulator=true`, { host: 'localhost', port: 5672, secure: false }],
    [`Endpoint=sb://localhost:5300;${KEY};UseDevelopmentEmulator=true;`, { port: 5300, secure: false }],
    [
      'Endpoint=sb://ns.example/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y',
      { access: { signature: 'SharedAccessSignature sr=x&sig=y' } },
    ],
  ])('is read from %s', (connectionString, expected) => {
    expect(at(connectionString)).toMatchObject({ hub: 'readings', consumerGroup: '$Default', ...expected });
  });

  it("takes a service credential's key, under Azure's own policy where it names none", () => {
    const credential = { accountKey: 'k' };
    const hostName = 'ns.servicebus.windows.net';
    expect(targetOf({ ...HUB, hostName, credential })).toMatchObject({
      host: hostName,
      port: 5671,
      secure: true,
      access: { name: 'RootManageSharedAccessKey', key: 'k' },
    });
    expect(targetOf({ ...HUB, hostName, credential: { ...credential, account: 'mine' } })).toMatchObject({
      access: { name: 'mine', key: 'k' },
    });
  });

  it.each([
    [{ connectionString: `Endpoint=sb://a/;Endpoint=sb://b/;${KEY}` }, /same part twice/],
    [{ connectionString: `Endpoint=sb://a/;${KEY};EntityPath=other` }, /hubName.*EntityPath/],
    [{ connectionString: `Endpoint=sb://a/;${KEY}`, hubName: 'a;b' }, /hubName must consist/],
    [{ connectionString: `Endpoint=sb://a/;${KEY}`, consumerGroup: 'a/b' }, /consumerGroup must consist/],
    [{ hostName: 'a/b', credential: { accountKey: 'k' } }, /hostName must be/],
    [{ credential: { accountKey: 'k' } }, /hostName is required/],
    [{}, /connectionString is required/],
  ])('is refused: %o', (config, message) => {
    expect(() => targetOf({ ...HUB, ...config })).toThrow(
      expect.objectContaining({ code: 'misconfigured', message: expect.stringMatching(message) }) as Error,
    );
  });
});

describe('SLUICE_EVENT_HUBS_START', () => {
  it('is the latest or the earliest, and nothing else', () => {
    expect([startOf({}), startOf({ SLUICE_EVENT_HUBS_START: 'earliest' })]).toEqual(['latest', 'earliest']);
    expect(() => startOf({ SLUICE_EVENT_HUBS_START: 'yesterday' })).toThrow('SLUICE_EVENT_HUBS_START must be latest or earliest');
  });
});
