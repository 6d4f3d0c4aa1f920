/** Which integration, and whose. */
export interface Identity {
  readonly applicationId: string;
  readonly integrationId: string;
}

/** Its key in bucket STATUS. */
export const statusKey = ({ applicationId, integrationId }: Identity): string => `${applicationId}.${integrationId}`;
