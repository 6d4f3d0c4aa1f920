import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FlowPost, formatPath, IntegrationPost, issuesToApiError, TokenPost, validationError } from './index.ts';

const SECRET = 'hunter2-hunter2';
const errorsOf = (schema: z.ZodType, body: unknown): { path: string; message: string }[] => {
  const { error } = schema.safeParse(body);
  return error === undefined ? [] : (issuesToApiError(error).errors ?? []);
};

describe('a path', () => {
  it.each([
    [['triggers', 0, 'config', 'message'], 'triggers[0].config.message'],
    [['config', 'key with space'], 'config["key with space"]'],
    [['a', 'x\u0000\u001b[31m'], 'a["x??[31m"]'],
    [['k'.repeat(100)], `["${'k'.repeat(64)}…"]`],
    [[], ''],
  ])('%j reads %s', (path, text) => expect(formatPath(path)).toBe(text));
});

describe('the answer to a body that is wrong', () => {
  it.each([
    [IntegrationPost, { integrationType: 'mqtt' }, 'name', 'is required'],
    [IntegrationPost, { name: '', integrationType: 'mqtt' }, 'name', 'must not be blank'],
    [IntegrationPost, { name: 'x'.repeat(256), integrationType: 'mqtt' }, 'name', 'must have at most 255 characters'],
    [
      IntegrationPost,
      { name: 'a', integrationType: 'kafka' },
      'integrationType',
      'must be one of sqs, azureEventHub, googlePubSub, mqtt, particle, websocket',
    ],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', enabled: SECRET }, 'enabled', 'must be true or false'],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', topics: ['a', 'a'] }, 'topics[1]', 'repeats an earlier entry'],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', topics: [''] }, 'topics[0]', 'must not be blank'],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', nope: SECRET }, 'nope', 'is not a known property'],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', sqsConfig: {} }, 'sqsConfig', 'does not belong to the type mqtt'],
    [IntegrationPost, { name: 'a', integrationType: 'mqtt', credentialName: '' }, 'credentialName', 'must not be blank'],
    [
      FlowPost,
      { name: 'a', triggers: [{ type: 'integration', config: { nope: true } }] },
      'triggers[0].config.nope',
      'is not a known property',
    ],
    [
      FlowPost,
      { name: 'a', triggers: [{ type: 'timer', config: { seconds: 31_536_001 } }] },
      'triggers[0].config.seconds',
      'must be at most 31536000',
    ],
    [
      FlowPost,
      { name: 'a', nodes: [{ type: 'DebugNode', outputIds: [['x'.repeat(49)]] }] },
      'nodes[0].outputIds[0][0]',
      'must have at most 48 characters',
    ],
    [FlowPost, { name: 'a', globals: [{ key: 'a b', json: '1' }] }, 'globals[0].key', 'must have 1 to 255 letters, digits, _ or -'],
    [FlowPost, { name: 'a', globals: [{ key: 'a', json: SECRET }] }, 'globals[0].json', 'must be JSON text'],
    [FlowPost, { name: 'a', iconData: SECRET }, 'iconData', 'must be a data: URL of a jpg, png or svg image in base64'],
    [TokenPost, { name: 'a', scope: [SECRET] }, 'scope[0]', 'is not a scope of an application token'],
    [
      TokenPost,
      { name: 'a', expirationDate: 'tomorrow' },
      'expirationDate',
      'must be a date and time in ISO 8601, as 2026-01-31T12:00:00.000Z',
    ],
    [IntegrationPost, [SECRET], '', 'must be an object'],
  ] as const)('names the field and what to change, not the value (%#)', (schema, body, path, message) => {
    const errors = errorsOf(schema, body);
    expect(errors).toContainEqual({ path, message });
    expect(JSON.stringify(errors)).not.toContain(SECRET);
  });

  it('lists 50 at most and says how many there are', () => {
    const issues = Array.from({ length: 60 }, (_, i) => ({ path: ['list', i], message: 'is wrong' }));
    const error = validationError(issues);
    expect(error.errors).toHaveLength(50);
    expect(error).toMatchObject({ type: 'Validation', message: 'list[0] is wrong (and 59 more)' });
  });
});
