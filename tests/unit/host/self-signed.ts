import { generateKeyPairSync, sign } from 'node:crypto'

/** A certificate for `localhost` that signs itself, made anew each time: no key lies about. */
export function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(Buffer.from('06082a8648ce3d040302', 'hex'))
  const name = sequence(tag(0x31, sequence(Buffer.from('0603550403', 'hex'), tag(0x0c, Buffer.from('localhost')))))
  const validity = sequence(tag(0x17, Buffer.from('200101000000Z')), tag(0x17, Buffer.from('491231235959Z')))
  const altNames = sequence(Buffer.from('0603551d11', 'hex'), tag(0x04, sequence(tag(0x82, Buffer.from('localhost')))))
  const constraints = sequence(Buffer.from('0603551d13', 'hex'), tag(0x04, sequence(Buffer.from('0101ff', 'hex'))))
  const version3 = tag(0xa0, Buffer.from('020102', 'hex'))
  const serial = Buffer.from('020101', 'hex')
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const body = sequence(version3, serial, ecdsaWithSha256, name, validity, name, spki, tag(0xa3, sequence(altNames, constraints)))
  const signature = tag(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]))
  const cert = sequence(body, ecdsaWithSha256, signature).toString('base64')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${cert.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}

function sequence(...parts: Buffer[]): Buffer {
  return tag(0x30, ...parts)
}

function tag(type: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([type, ...size]), content])
}
