import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { commandSubject, querySubject, type Reply } from '#lib/contracts';
import { createToken, updateToken, deleteToken, getToken, listTokens, lookUpToken } from '../handlers/tokens.ts';
import { Answering } from './answering.ts';

const command = (name: string): string => commandSubject('token', name);
const query = (name: string): string => querySubject('token', name);

@Controller()
export class TokenController {
  constructor(private readonly answering: Answering) {}

  @MessagePattern(command('create'), Transport.NATS)
  create(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('create'), envelope, createToken);
  }

  @MessagePattern(command('update'), Transport.NATS)
  update(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('update'), envelope, updateToken);
  }

  @MessagePattern(command('delete'), Transport.NATS)
  delete(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('delete'), envelope, deleteToken);
  }

  @MessagePattern(query('get'), Transport.NATS)
  get(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('get'), envelope, getToken);
  }

  @MessagePattern(query('list'), Transport.NATS)
  list(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('list'), envelope, listTokens);
  }

  @MessagePattern(query('lookup'), Transport.NATS)
  lookup(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('lookup'), envelope, lookUpToken);
  }
}
