import { z } from 'zod';
import { CREDENTIAL_SECRET, CredentialType, credentialConfigOf } from '../credential-types.ts';
import { ResourceId } from '../ids.ts';
import { CreationDate, LastUpdated, Name, listFields, listOf, listParams } from './common.ts';

/** Service credentials: named secrets of an application that integrations and nodes use by name. What is secret can be written and never read. */

const text = (min: number, max: number, marks: { title: string; description?: string; secret?: boolean }) =>
  z.string().min(min).max(max).meta(marks);

const description = z.string().max(32_767).meta({ title: 'Description' });
const enabled = z.boolean().meta({ title: 'Enabled', description: 'While it is disabled every use of it fails.' });

const PROTOCOLS: ReadonlySet<string> = new Set(['http:', 'https:', 'ws:', 'wss:']);
const isAddress = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && PROTOCOLS.has(url.protocol) && url.hostname !== '' && url.username === '' && url.password === '';
};

const CONFIGS = {
  aws: z.strictObject({
    accessKeyId: text(16, 128, { title: 'Access key id' }),
    secretAccessKey: text(4, 128, { title: 'Secret access key', secret: true }),
    region: text(1, 128, { title: 'Region', description: 'As us-east-1.' }),
  }),
  azure: z.strictObject({
    account: text(0, 128, { title: 'Account', description: 'Name of the shared access key.' }).optional(),
    accountKey: text(4, 128, { title: 'Account key', description: 'The shared access key.', secret: true }),
  }),
  gcp: z.strictObject({
    keyJson: text(1, 8192, { title: 'Key file', description: "JSON text of a service account's key.", secret: true }),
  }),
  http: z.strictObject({
    uriMatch: text(8, 1024, {
      title: 'URI begins with',
      description: 'It is sent only to addresses with the same protocol, host and port whose path starts with this.',
    }).refine(isAddress, 'must be an address that begins with http://, https://, ws:// or wss://, without user name and password'),
    authMethod: z.enum(['header', 'queryParam', 'basicAuth', 'clientCertificate']).meta({ title: 'Method' }),
    publicValue: text(0, 8196, {
      title: 'Public value',
      description: "The header's or parameter's name, the user name, or the certificate (PEM).",
    }).default(''),
    secretValue: text(0, 8196, {
      title: 'Secret value',
      description: "The header's or parameter's value, the password, or the private key (PEM).",
      secret: true,
    }),
  }),
} as const;

const only = (type: CredentialType) => ({ title: credentialConfigOf(type), description: `Only where type is ${type}.` });

/** The configuration objects of other types in a body. */
export function foreignCredentialConfigs(body: Readonly<Record<string, unknown>>, type: CredentialType): string[] {
  return CredentialType.options.filter((other) => other !== type && body[credentialConfigOf(other)] !== undefined).map(credentialConfigOf);
}

export const CredentialPost = z
  .strictObject({
    name: Name,
    description: description.optional(),
    enabled: enabled.default(true),
    type: CredentialType.meta({ title: 'Type', description: 'Cannot be changed later.' }),
    awsConfig: CONFIGS.aws.optional().meta(only('aws')),
    azureConfig: CONFIGS.azure.optional().meta(only('azure')),
    gcpConfig: CONFIGS.gcp.optional().meta(only('gcp')),
    httpConfig: CONFIGS.http.optional().meta(only('http')),
  })
  .superRefine((body, context) => {
    for (const field of foreignCredentialConfigs(body, body.type))
      context.addIssue({ code: 'custom', path: [field], message: `does not belong to the type ${body.type}` });
    const own = credentialConfigOf(body.type);
    if (body[own] === undefined) context.addIssue({ code: 'custom', path: [own], message: 'is required' });
  })
  .meta({ id: 'CredentialPost', title: 'New service credential' });
export type CredentialPost = z.infer<typeof CredentialPost>;

/** `type` cannot be sent; the fields of a `<type>Config` that are not sent stay as they are. */
export const CredentialPatch = z
  .strictObject({
    name: Name.optional(),
    description: description.optional(),
    enabled: enabled.optional(),
    awsConfig: CONFIGS.aws.partial().optional().meta(only('aws')),
    azureConfig: CONFIGS.azure.partial().optional().meta(only('azure')),
    gcpConfig: CONFIGS.gcp.partial().optional().meta(only('gcp')),
    httpConfig: CONFIGS.http.extend({ publicValue: CONFIGS.http.shape.publicValue.unwrap() }).partial().optional().meta(only('http')),
  })
  .meta({ id: 'CredentialPatch', title: 'Changes of a service credential' });
export type CredentialPatch = z.infer<typeof CredentialPatch>;

export const CredentialResponse = z
  .object({
    id: ResourceId,
    applicationId: ResourceId,
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    name: Name,
    description: description.optional(),
    enabled,
    type: CredentialType,
    awsConfig: CONFIGS.aws.omit({ [CREDENTIAL_SECRET.aws]: true }).optional(),
    azureConfig: CONFIGS.azure.omit({ [CREDENTIAL_SECRET.azure]: true }).optional(),
    gcpConfig: z
      .object({ keyMetaJson: text(1, 8192, { title: 'Key file', description: 'The key file without its secret, as JSON text.' }) })
      .optional(),
    httpConfig: CONFIGS.http.omit({ [CREDENTIAL_SECRET.http]: true }).optional(),
  })
  .meta({ id: 'Credential', title: 'Service credential', description: 'A named secret; what is secret in it is never answered.' });

export const CredentialListParams = listParams(['creationDate', 'name', 'type', 'lastUpdated'], ['name', 'type'], 'desc');
export const CredentialList = listOf(CredentialResponse).meta({ id: 'Credentials', title: 'Service credentials' });

const users = (what: string) =>
  z.object({ items: z.array(z.record(z.string(), z.unknown())), ...listFields, applicationId: ResourceId }).meta({ description: what });
export const CredentialLinkedResources = z
  .object({
    integrations: users('Integrations that name it.'),
    flows: users('Workflows with a node that names it.'),
    flowVersions: users('Versions of workflows with a node that names it.'),
  })
  .meta({
    id: 'CredentialLinkedResources',
    title: 'What uses a credential',
    description: 'By its name. `totalCount` says how many there are when not all of them fit into one answer.',
  });
