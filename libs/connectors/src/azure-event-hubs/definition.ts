import type { Definition } from '#lib/connector-sdk';
import { z } from 'zod';
import { MASK, Rules, has, hostIssue, isTemplate } from '../fields.ts';
import { jsonOrText } from '../text.ts';
import { AzureEventHubConfig, AzureEventHubSend } from './config.ts';
import { nameIssue, parseConnectionString } from './connection-string.ts';
import { startOf } from './settings.ts';

export const azureEventHub: Definition<AzureEventHubConfig> = {
  type: 'azureEventHub',
  title: 'Azure Event Hubs',
  config: AzureEventHubConfig,
  capabilities: {
    delivery: () => 'at-least-once',
    queue: false,
    send: true,
    providerIds: true,
    topics: true,
    binary: true,
    maxBytes: 1_048_576,
  },
  topic: z.string().meta({ title: 'Partition key', description: 'Only events with one of these partition keys; none: all events.' }),
  send: AzureEventHubSend,
  messageData: ({ attributes: { event, eventHubName, partitionId }, body }) => {
    const { value, ...encoding } = jsonOrText(body);
    return { event: { body: value, ...encoding, ...(event as Record<string, unknown>) }, eventHubName, partitionId };
  },
  load: async () => (await import('./provider.ts')).azureEventHubProvider({ start: startOf(process.env) }),
  credential: 'azure',
  inlineAuthentication: ['connectionString'],
  authentication: (config, credentialName) =>
    credentialName !== undefined || has(config, 'hostName') ? 'credential' : has(config, 'connectionString') ? 'inline' : 'none',
  rules({ config, credentialName }) {
    const rules = new Rules('azureEventHubConfig', config);
    const { hostName, connectionString, hubName } = config;
    for (const field of ['hubName', 'consumerGroup']) {
      const name = config[field];
      const issue = typeof name === 'string' && !isTemplate(name) ? nameIssue(name) : undefined;
      if (issue !== undefined) rules.refuse(field, issue);
    }
    if (credentialName === undefined && !has(config, 'connectionString')) {
      if (has(config, 'hostName')) rules.issues.push({ path: ['credentialName'], message: 'is required together with hostName' });
      else rules.refuse('connectionString', 'is required unless credentialName and hostName are given');
    }
    if (credentialName === undefined && has(config, 'connectionString'))
      rules.none(['hostName'], 'cannot be combined with connectionString: choose one');
    if (credentialName !== undefined) {
      rules.none(['connectionString'], 'cannot be combined with credentialName: choose one way to authenticate');
      if (!has(config, 'hostName')) rules.refuse('hostName', 'is required together with credentialName');
    }
    if (typeof hostName === 'string' && !isTemplate(hostName)) {
      const issue = hostIssue(hostName);
      if (issue !== undefined) rules.refuse('hostName', issue);
    }
    if (typeof connectionString === 'string' && connectionString !== MASK && !isTemplate(connectionString)) {
      const parsed = parseConnectionString(connectionString);
      if (typeof parsed === 'string') rules.refuse('connectionString', parsed);
      else if (parsed.entityPath !== undefined && !isTemplate(hubName) && parsed.entityPath !== hubName)
        rules.refuse('hubName', 'must be the hub that EntityPath of connectionString names');
    }
    return rules.issues;
  },
  endpoints({ hostName, connectionString }) {
    if (typeof hostName === 'string') return isTemplate(hostName) ? [] : [{ field: 'hostName', host: hostName }];
    if (typeof connectionString !== 'string' || isTemplate(connectionString)) return [];
    const parsed = parseConnectionString(connectionString);
    return typeof parsed === 'string' ? [] : [{ field: 'connectionString', host: parsed.host }];
  },
};
