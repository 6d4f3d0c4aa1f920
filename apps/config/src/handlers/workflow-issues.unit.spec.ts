import { describe, expect, it } from 'vitest';
import type { IntegrationType } from '#lib/contracts';
import { topicFilterIssues, workflowIssues } from './workflow-issues.ts';

const NOW = new Date('2026-11-25T07:30:00.000Z');
const paths = (type: string, config: Record<string, unknown>): string[] =>
  workflowIssues(
    {
      nodes: [
        { id: 'ok', type: 'DebugNode' },
        { id: 'n', type, config },
      ],
    },
    NOW,
  ).map(({ path }) => path.join('.'));

describe('a timer', () => {
  const of = (config: Record<string, unknown>): unknown[] =>
    workflowIssues({ triggers: [{ type: 'virtualButton' }, { type: 'timer', config }] }, NOW).map(({ path }) => path.join('.'));

  it('that can not be kept is refused by its field', () => {
    expect(of({ cron: '* * * *' })).toEqual(['triggers.1.config.cron']);
    expect(of({ cron: '0 0 L * *' })).toEqual(['triggers.1.config.cron']);
    expect(of({ cron: '@hourly', tz: 'Mars/Base' })).toEqual(['triggers.1.config.tz']);
  });

  it('is kept with seconds, cron in 5 or 6 fields, names, or nothing yet', () => {
    for (const config of [{ seconds: 1.5 }, { cron: '*/5 * * * *' }, { cron: '0 */5 * * * *', tz: 'Asia/Tokyo' }, { cron: '@daily' }, {}])
      expect(of(config)).toEqual([]);
  });
});

describe('the configuration of nodes', () => {
  it.each([
    ['DebugNode', { message: '{{#if a}}' }, 'message'],
    ['ConditionalNode', { expression: '{{a}} ===' }, 'expression'],
    ['MathNode', { statements: [{ expression: '{{a}} * 2' }, { expression: '{{a}} *' }] }, 'statements.1.expression'],
    ['ValidatePayloadNode', { schema: '{"type":' }, 'schema'],
    ['SwitchNode', { switchTemplate: '{{a}}', cases: [{ caseTemplate: '{{a' }] }, 'cases.0.caseTemplate'],
    ['MutateNode', { rules: [{ valueTemplate: 'fine {{a}}' }, { valueTemplate: '{{a' }] }, 'rules.1.valueTemplate'],
    ['ThrowErrorNode', { messageTemplate: '{{/if}}' }, 'messageTemplate'],
    ['MqttMessageNode', { integrationId: '{{a', topicTemplate: 'x' }, 'integrationId'],
    [
      'SqsSendNode',
      { dataTemplate: 'x', attributeFields: [{ keyTemplate: 'a', valueTemplate: '{{a' }] },
      'attributeFields.0.valueTemplate',
    ],
    ['AzureEventHubPublishNode', { integrationId: '{{a', propTemplate: '{}' }, 'integrationId'],
    ['WebsocketMessageNode', { messageTemplate: '{{a' }, 'messageTemplate'],
    ['ParticleCallNode', { nameTemplate: '{{/if}}' }, 'nameTemplate'],
    ['SqsSendNode', { credentialNameTemplate: 'k', queueUrl: '{{a' }, 'queueUrl'],
    ['AzureEventHubPublishNode', { connectionString: '{{a', hubName: 'h' }, 'connectionString'],
    ['AzureEventHubPublishNode', { connectionString: 'c', hubName: '{{a' }, 'hubName'],
    ['ParticleCallNode', { accessToken: '{{a', deviceTemplate: 'd' }, 'accessToken'],
  ])('of a %s is refused where it does not parse', (type, config, field) => {
    expect(paths(type, config)).toEqual([`nodes.1.config.${field}`]);
  });

  it('says who sends in one way, or in none yet', () => {
    const own = { credentialNameTemplate: 'key', queueUrl: 'q' };
    expect(paths('SqsSendNode', own)).toEqual([]);
    expect(paths('SqsSendNode', { dataTemplate: 'x' })).toEqual([]);
    expect(paths('SqsSendNode', { ...own, accessKeyIdTemplate: 'a' })).toEqual(['nodes.1.config.accessKeyIdTemplate']);
    expect(paths('SqsSendNode', { ...own, accessKeyIdTemplate: 'a', integrationId: 'i' })).toEqual([]);
    expect(paths('ParticleCallNode', { accessToken: 't' })).toEqual(['nodes.1.config.deviceTemplate']);
  });

  it('of types we do not know, scripts, and what is no template are stored as they are', () => {
    expect(paths('SomeOtherNode', { messageTemplate: '{{#if a}}' })).toEqual([]);
    expect(paths('ValidatePayloadNode', { schemaType: 'path', schema: 'data.schema' })).toEqual([]);
    expect(paths('ValidatePayloadNode', { schema: '{"type":"object"}' })).toEqual([]);
    expect(paths('RawFunctionNode', { script: 'const a = {{}' })).toEqual([]);
    expect(
      paths('MqttMessageNode', { topicTemplate: 'a/{{b}}', messageTemplate: '{"a": {{data}}}', integrationId: 'f'.repeat(24) }),
    ).toEqual([]);
  });
});

describe('topic filters', () => {
  const types = new Map<string, IntegrationType>([
    ['m', 'mqtt'],
    ['q', 'sqs'],
  ]);
  it('must be what the type of their integration takes', () => {
    expect(topicFilterIssues({ m: ['a/#', 'a/#/b'] }, types).map(({ path }) => path.join('.'))).toEqual(['topicFilters.m.1']);
    expect(topicFilterIssues({ q: ['a'] }, types).map(({ path }) => path.join('.'))).toEqual(['topicFilters.q']);
    expect(topicFilterIssues({ gone: ['a/#/b'] }, types)).toEqual([]);
    expect(topicFilterIssues(null, types)).toEqual([]);
  });
});
