import { z } from 'zod';
import { ResourceId } from '../ids.ts';
import { CreationDate, LastUpdated, Name, listFields, listParams, unique } from './common.ts';
import { APPLICATION_SCOPES } from './scopes.ts';

const description = z.string().max(32_767).meta({ title: 'Description' });
const status = z.enum(['active', 'inactive']).meta({ title: 'Status', description: 'An inactive token is refused.' });
const scope = z
  .array(z.enum(APPLICATION_SCOPES as [string, ...string[]], 'is not a scope of an application token'))
  .min(1)
  .max(100)
  .superRefine(unique<string>((name) => name, 'repeats an earlier entry'))
  .meta({ title: 'Scopes', description: 'What the token may do. Default: all.Application.read.' });

export const TokenPost = z
  .strictObject({
    name: Name,
    description: description.optional(),
    scope: scope.default(['all.Application.read']),
    status: status.default('active'),
    expirationDate: z.iso.datetime({ offset: true }).optional().meta({ title: 'Expiration', description: 'ISO 8601; absent: never.' }),
  })
  .meta({ id: 'ApiTokenPost', title: 'New API token' });
export type TokenPost = z.infer<typeof TokenPost>;

/** Neither scope nor expiration can be changed: a token in use never gains power. */
export const TokenPatch = z
  .strictObject({ name: Name.optional(), description: description.optional(), status: status.optional() })
  .meta({ id: 'ApiTokenPatch', title: 'Changes of an API token' });
export type TokenPatch = z.infer<typeof TokenPatch>;

const ownerType = z.enum(['application', 'user']);
export const TokenResponse = z
  .object({
    id: ResourceId,
    apiTokenId: ResourceId,
    ownerId: ResourceId.optional(),
    ownerType,
    creatorId: z.string(),
    creatorType: z.enum(['apiToken', 'user', 'flow']),
    creationDate: CreationDate,
    lastUpdated: LastUpdated,
    name: Name,
    description: description.optional(),
    scope: z.array(z.string()),
    status,
    expirationDate: z.iso.datetime().optional(),
    token: z.string().optional().meta({ description: 'The token itself, in the answer to its creation only.' }),
  })
  .meta({ id: 'ApiToken', title: 'API token' });

export const TokenListParams = listParams(['name', 'status', 'id', 'creationDate', 'lastUpdated', 'expirationDate'], ['name', 'status']);
export const TokenList = z
  .object({ items: z.array(TokenResponse), ...listFields, ownerId: ResourceId, ownerType })
  .meta({ id: 'ApiTokens', title: 'API tokens' });
