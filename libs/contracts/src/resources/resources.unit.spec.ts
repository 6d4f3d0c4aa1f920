import { describe, expect, it } from 'vitest';
import {
  ApplicationPatch,
  ApplicationPost,
  FlowPatch,
  FlowPost,
  GlobalsPatch,
  IntegrationPatch,
  IntegrationPost,
  TokenPatch,
  TokenPost,
  VirtualButtonPress,
} from './index.ts';

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, body: unknown): boolean => schema.safeParse(body).success;
const ID = '64b7f0c2a1b2c3d4e5f60718';

describe('globals', () => {
  it.each([
    [[{ key: 'a', json: '1' }], true],
    [[{ key: 'a', json: null }], true],
    [[{ key: 'a', description: 'x'.repeat(1024), cloudOnly: true }], true],
    [[{ key: 'a', json: '"' + 'x'.repeat(32_765) + '"' }], true],
    [[{ key: 'a', json: '"' + 'x'.repeat(32_766) + '"' }], false],
    [[{ key: 'a', json: '' }], false],
    [[{ key: 'a', json: 'undefined' }], false],
    [[{ key: 'a', json: 1 }], false],
    [[{ key: '', json: '1' }], false],
    [[{ key: 'x'.repeat(256), json: '1' }], false],
    [[{ key: 'a', description: 'x'.repeat(1025) }], false],
    [[{ key: 'a', json: '1', other: 1 }], false],
    [
      [
        { key: 'a', json: '1' },
        { key: 'a', json: '2' },
      ],
      false,
    ],
    [Array.from({ length: 101 }, (_, i) => ({ key: `k${i}`, json: '1' })), false],
  ])('case %#', (body, good) => expect(accepts(GlobalsPatch, body)).toBe(good));
});

describe('an application', () => {
  it.each([
    [{ name: 'a' }, true],
    [{ name: 'a', limits: { messagesPerSecond: 0, payloads: 0, period: 'hour' } }, true],
    [{}, false],
    [{ name: 'a', limits: { messagesPerSecond: -1 } }, false],
    [{ name: 'a', limits: { period: 'year' } }, false],
    [{ name: 'a', limits: { burst: 1.5 } }, false],
    [{ name: 'a', secretGlobals: ['a', 'a'] }, false],
    [{ name: 'a', id: ID }, false],
  ])('case %#', (body, good) => expect(accepts(ApplicationPost, body)).toBe(good));

  it('may be changed in nothing', () => expect(accepts(ApplicationPatch, {})).toBe(true));
});

describe('an integration', () => {
  it('is enabled and without topics by default', () => {
    expect(IntegrationPost.parse({ name: 'a', integrationType: 'sqs' })).toEqual({
      name: 'a',
      integrationType: 'sqs',
      enabled: true,
      topics: [],
    });
  });

  it.each([
    [{}, true],
    [{ credentialName: null }, true],
    [{ mqttConfig: { host: 'a' } }, true],
    [{ integrationType: 'mqtt' }, false],
    [{ name: null }, false],
    [{ topics: ['x'.repeat(1024)] }, true],
    [{ topics: ['x'.repeat(1025)] }, false],
    [{ topics: 'a' }, false],
    [{ status: {} }, false],
    [{ id: ID }, false],
  ])('is changed by %j: %s', (body, good) => expect(accepts(IntegrationPatch, body)).toBe(good));
});

describe('a workflow', () => {
  const trigger = (fields: Record<string, unknown>): unknown => ({ name: 'a', triggers: [{ type: 'integration', key: ID, ...fields }] });

  it.each([
    [{ name: 'a' }, true],
    [trigger({ config: { message: true, connect: false, disconnect: true, failure: false } }), true],
    [trigger({ meta: { category: 'trigger', name: 'mqtt', label: 'MQTT', x: 1, y: 2 }, outputIds: [['n1', 'n2']] }), true],
    [trigger({ meta: { category: 'output' } }), false],
    [trigger({ meta: { label: '' } }), false],
    [trigger({ meta: { other: 1 } }), false],
    [trigger({ topicFilter: '#' }), false],
    [trigger({ key: 'x'.repeat(1025) }), false],
    [trigger({ outputIds: Array.from({ length: 101 }, () => []) }), false],
    [{ name: 'a', triggers: [{ type: 'virtualButton', config: {}, meta: { payload: '{"a":1}' } }] }, true],
    [{ name: 'a', triggers: [{ type: 'virtualButton', config: { a: 1 } }] }, false],
    [{ name: 'a', triggers: [{ type: 'virtualButton', meta: { payload: 'x'.repeat(262_145) } }] }, false],
    [{ name: 'a', triggers: [{ type: 'timer', config: { seconds: 1.5 } }] }, true],
    [{ name: 'a', triggers: [{ type: 'timer', config: { seconds: 0.5 } }] }, true],
    [{ name: 'a', triggers: [{ type: 'timer', config: { seconds: 0 } }] }, false],
    [{ name: 'a', triggers: [{ type: 'timer', config: { seconds: 31_536_001 } }] }, false],
    [
      { name: 'a', triggers: [{ type: 'timer', config: { cron: '0 * * * *', tz: 'Europe/Berlin' }, meta: { timerTypeSelect: 'cron' } }] },
      true,
    ],
    [{ name: 'a', triggers: [{ type: 'flowError', config: { scope: 'global' } }] }, true],
    [{ name: 'a', triggers: [{ type: 'flowError', config: { scope: 'all' } }] }, false],
    [{ name: 'a', triggers: [{ type: 'webhook', key: 'k', config: { anything: 1 }, meta: { anything: 1 } }] }, true],
    [{ name: 'a', triggers: [{ type: 'webhook', other: 1 }] }, false],
    [{ name: 'a', triggers: [{ key: 'k' }] }, false],
    [{ name: 'a', nodes: [{ type: 'AnyNode', config: { anything: [1] }, meta: { anything: 1 }, outputIds: [['a'], []] }] }, true],
    [{ name: 'a', nodes: [{ type: 'AnyNode', other: 1 }] }, false],
    [{ name: 'a', nodes: [{ id: 'n' }] }, false],
    [{ name: 'a', flowClass: 'cloud' }, true],
    [{ name: 'a', flowClass: 'nope' }, false],
    [{ name: 'a', description: 'x'.repeat(32_768) }, false],
    [{ name: 'a', topicFilters: { [ID]: ['a/#'] } }, true],
    [{ name: 'a', topicFilters: { nope: ['a/#'] } }, false],
    [
      {
        name: 'a',
        globals: [
          { key: 'a', json: '1' },
          { key: 'a', json: '1' },
        ],
      },
      false,
    ],
    [{ name: 'a', minimumAgentVersion: '1.2' }, false],
    [{ name: 'a', customNodeConfig: { outputCount: 2, resultMode: 'optional', resultDescription: 'r', fields: [{}] } }, true],
    [{ name: 'a', customNodeConfig: { outputCount: 3, resultMode: 'optional', fields: [] } }, false],
    [{ name: 'a', customNodeSupports: ['cloud'] }, true],
    [{ name: 'a', customNodeSupports: ['cloud', 'edge'] }, false],
  ])('case %#', (body, good) => expect(accepts(FlowPost, body)).toBe(good));

  it('can’t change its class, can pin and unpin a version', () => {
    expect(accepts(FlowPatch, { flowClass: 'cloud' })).toBe(false);
    expect(accepts(FlowPatch, { defaultVersionId: null })).toBe(true);
    expect(accepts(FlowPatch, { defaultVersionId: ID })).toBe(true);
  });

  it('keeps an empty list of outputs and absent fields as they were sent', () => {
    const body = { name: 'a', triggers: [{ type: 'integration', key: ID, outputIds: [] }] };
    expect(FlowPost.parse(body)).toEqual(body);
  });

  it.each([
    [{ key: 'k' }, true],
    [{ key: 'k', payload: { a: 1 }, meta: 1, flowVersion: 'v', deviceId: ID }, true],
    [{}, false],
    [{ key: 'k', other: 1 }, false],
  ])('is started by the press %j: %s', (body, good) => expect(accepts(VirtualButtonPress, body)).toBe(good));
});

describe('a token', () => {
  it('reads by default and is active', () => {
    expect(TokenPost.parse({ name: 'a' })).toEqual({ name: 'a', scope: ['all.Application.read'], status: 'active' });
  });

  it.each([
    [{ name: 'a', scope: ['all.Instance'] }, false],
    [{ name: 'a', scope: [] }, false],
    [{ name: 'a', scope: ['integration.get', 'integration.get'] }, false],
    [{ name: 'a', scope: ['integration.*', 'all.Application'] }, true],
    [{ name: 'a', expirationDate: '2030-01-01T00:00:00+02:00' }, true],
  ])('is made by %j: %s', (body, good) => expect(accepts(TokenPost, body)).toBe(good));

  it.each([{ scope: ['all.Application'] }, { expirationDate: '2030-01-01T00:00:00Z' }])('never gains power by %j', (body) =>
    expect(accepts(TokenPatch, body)).toBe(false),
  );
});
