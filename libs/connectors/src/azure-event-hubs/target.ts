import { ConnectorError } from '#lib/connector-sdk';
import { hostIssue } from '../fields.ts';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import { nameIssue, parseConnectionString } from './connection-string.ts';

/** What authenticates: a key with its name, or a signature that was made with one. */
export type Access = { readonly name: string; readonly key: string } | { readonly signature: string };

/** Which hub is read, where, as whom. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** False: plain TCP, as an emulator speaks it. */
  readonly secure: boolean;
  readonly hub: string;
  readonly consumerGroup: string;
  readonly access: Access;
}

const AMQPS_PORT = 5671;
const AMQP_PORT = 5672;
/** Azure's own policy, which every namespace has: for a credential that names none. */
const ROOT_POLICY = 'RootManageSharedAccessKey';

const misconfigured = (message: string): ConnectorError => new ConnectorError('misconfigured', message);

/**
 * Judges a rendered configuration. `port`: instead of the well-known one, for tests. Throws ConnectorError `misconfigured` that names the field and never
 * quotes a secret.
 */
export function targetOf(config: ResolvedAzureEventHubConfig, port?: number): Target {
  const { hubName: hub, consumerGroup, hostName, connectionString, credential } = config;
  for (const [field, name] of Object.entries({ hubName: hub, consumerGroup })) {
    const issue = nameIssue(name);
    if (issue !== undefined) throw misconfigured(`${field} ${issue}.`);
  }
  if (credential !== undefined) {
    if (hostName === undefined) throw misconfigured('hostName is required together with credentialName.');
    const issue = hostIssue(hostName);
    if (issue !== undefined) throw misconfigured(`hostName ${issue}.`);
    const access = { name: credential.account ?? ROOT_POLICY, key: credential.accountKey };
    return { host: hostName, port: port ?? AMQPS_PORT, secure: true, hub, consumerGroup, access };
  }
  if (connectionString === undefined) throw misconfigured('connectionString is required, or a service credential with hostName.');
  const parsed = parseConnectionString(connectionString);
  if (typeof parsed === 'string') throw misconfigured(`connectionString ${parsed}.`);
  const { host, port: named, emulator, entityPath, signature, keyName = '', key = '' } = parsed;
  if (entityPath !== undefined && entityPath !== hub)
    throw misconfigured('hubName must be the hub that EntityPath of connectionString names.');
  return {
    host,
    port: port ?? named ?? (emulator ? AMQP_PORT : AMQPS_PORT),
    secure: !emulator,
    hub,
    consumerGroup,
    access: signature === undefined ? { name: keyName, key } : { signature },
  };
}
