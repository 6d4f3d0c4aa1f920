import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { commandSubject, querySubject, type Reply } from '#lib/contracts';
import { linkedResources } from '../handlers/credential-use.ts';
import { createCredential, updateCredential, deleteCredential, getCredential, listCredentials } from '../handlers/credentials.ts';
import { Answering } from './answering.ts';

const command = (name: string): string => commandSubject('credential', name);
const query = (name: string): string => querySubject('credential', name);

@Controller()
export class CredentialController {
  constructor(private readonly answering: Answering) {}

  @MessagePattern(command('create'), Transport.NATS)
  create(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('create'), envelope, createCredential);
  }

  @MessagePattern(command('update'), Transport.NATS)
  update(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('update'), envelope, updateCredential);
  }

  @MessagePattern(command('delete'), Transport.NATS)
  delete(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('delete'), envelope, deleteCredential);
  }

  @MessagePattern(query('get'), Transport.NATS)
  get(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('get'), envelope, getCredential);
  }

  @MessagePattern(query('list'), Transport.NATS)
  list(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('list'), envelope, listCredentials);
  }

  @MessagePattern(query('linkedResources'), Transport.NATS)
  linkedResources(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('linkedResources'), envelope, linkedResources);
  }
}
