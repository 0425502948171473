/** X-Ray's daemon of a few lines on 127.0.0.1: keeps what it is sent. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

export interface Daemon {
  address: string
  /** The next document that arrives, or has arrived and was not taken. */
  next(): Promise<Record<string, unknown>>
  /** How many have arrived and were not taken. */
  waiting(): number
  stop(): Promise<void>
}

export async function startDaemon(): Promise<Daemon> {
  const socket = createSocket('udp4')
  const arrived: Record<string, unknown>[] = []
  socket.on('message', message => {
    const [header, ...rest] = message.toString().split('\n')
    const document = JSON.parse(rest.join('\n'))
    arrived.push(header === '{"format": "json", "version": 1}' ? document : { header })
    socket.emit('document')
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    next: async () => {
      if (arrived.length === 0) await once(socket, 'document')
      return arrived.shift() ?? {}
    },
    waiting: () => arrived.length,
    stop: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
}
