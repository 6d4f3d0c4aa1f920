import { describe, expect, it } from 'vitest';
import { eventsPath, functionPath, wantedNames } from './addresses.ts';
import { particle } from './definition.ts';
import { messageOf } from './event.ts';
import { particleUrl } from './settings.ts';

describe('the event stream', () => {
  it.each([
    [{}, ['*'], '/v1/devices/events'],
    [{ deviceNameOrId: 'line 1' }, ['*'], '/v1/devices/line%201/events'],
    [{ productSlugOrId: 'p' }, ['*'], '/v1/products/p/events'],
    [{ productSlugOrId: 'p', deviceNameOrId: 'd' }, ['*'], '/v1/products/p/devices/d/events'],
    [{ orgSlugOrId: 'o' }, ['*'], '/v1/orgs/o/events'],
    [{ orgSlugOrId: 'o', productSlugOrId: 'p' }, ['*'], '/v1/orgs/o/products/p/events'],
    [{}, ['temp'], '/v1/devices/events/temp'],
    [{}, ['temp/in*', 'temp/out'], '/v1/devices/events/temp%2F'],
    [{}, ['temp', 'pressure'], '/v1/devices/events'],
    [{}, ['a\u{1f600}', 'a\u{1f601}'], '/v1/devices/events/a'],
    [{}, [], '/v1/devices/events'],
  ])('of %o and %o is %s', (scope, topics, path) => {
    expect(eventsPath(scope, topics)).toBe(path);
  });

  it('leaves its place for no name', () => {
    expect(() => eventsPath({ deviceNameOrId: '..' }, [])).toThrow(/deviceNameOrId/);
    expect(eventsPath({ deviceNameOrId: '../../x?y#z' }, [])).toBe('/v1/devices/..%2F..%2Fx%3Fy%23z/events');
  });

  it('is filtered here, as the cloud knows prefixes only', () => {
    const wanted = wantedNames(['temp', 'door*']);
    expect(['temp', 'temperature', 'door', 'door/1', 'x'].filter(wanted)).toEqual(['temp', 'door', 'door/1']);
    expect(wantedNames(['*'])('anything')).toBe(true);
    expect(wantedNames([])('anything')).toBe(false);
  });
});

describe('a function', () => {
  it('is that of the device the integration is fixed to, else of the one that is named', () => {
    expect(functionPath({}, { name: 'led', device: 'd' })).toBe('/v1/devices/d/led');
    expect(functionPath({ deviceNameOrId: 'own', productSlugOrId: 'p' }, { name: 'led', device: 'd' })).toBe(
      '/v1/products/p/devices/own/led',
    );
    expect(functionPath({ productSlugOrId: 'p' }, { name: 'led', device: 'd', product: 'q' })).toBe('/v1/products/q/devices/d/led');
    expect(() => functionPath({}, { name: 'led' })).toThrow(/device is required/);
  });
});

describe('an event', () => {
  const dataOf = (data: string): unknown => particle.messageData?.(messageOf({ event: 'temp', data }));
  it.each([
    [
      'its four fields',
      { data: '21', ttl: 60, published_at: 'T', coreid: 'c' },
      { name: 'temp', data: '21', ttl: 60, published_at: 'T', coreid: 'c' },
    ],
    ['a ttl that came as text', { data: '21', ttl: '60' }, { name: 'temp', data: '21', ttl: 60 }],
    ['no ttl where it is none', { data: '21', ttl: 'soon' }, { name: 'temp', data: '21' }],
    ['no data', { data: null, coreid: 'c' }, { name: 'temp', data: '', coreid: 'c' }],
    ['data that is no text, as JSON', { data: { a: 1 } }, { name: 'temp', data: '{"a":1}' }],
  ])('has %s', (_, event, expected) => {
    expect(dataOf(JSON.stringify(event))).toEqual(expected);
  });

  it.each(['{"data":', '[1]', 'null', 'plain'])('that is not in the format of the cloud is kept whole: %s', (data) => {
    expect(dataOf(data)).toEqual({ name: 'temp', data });
  });
});

describe('SLUICE_PARTICLE_URL', () => {
  it('says where the cloud is', () => {
    expect(particleUrl({}).href).toBe('https://api.particle.io/');
    expect(particleUrl({ SLUICE_PARTICLE_URL: 'http://127.0.0.1:8090/cloud' }).href).toBe('http://127.0.0.1:8090/cloud');
  });

  it.each(['api.particle.io', 'ftp://x/', 'https://user:s3cret@x/', 'https://x/?token=s3cret'])(
    'is refused, by its name only: %s',
    (text) => {
      expect(() => particleUrl({ SLUICE_PARTICLE_URL: text })).toThrow(/^SLUICE_PARTICLE_URL must be a URL[^3]*$/);
    },
  );
});
