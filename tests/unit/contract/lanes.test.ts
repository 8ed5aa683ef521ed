import { expect, test } from 'vitest'
import { type LaneSetting, laneAddresses, MAX_LANES, parseLanes } from '../../../runtime/contract/lanes.ts'

test('no lanes named is the one lane there always is', () => {
  expect(parseLanes('  ')).toEqual([{ name: 'main', url: undefined }])
})

test('a lane is a name, or a name and where it lives; the others live in the common Redis', () => {
  const lanes = parseLanes('main, b=/run/b.sock ,b2=rediss://:p=w@r:6380/1') as LaneSetting[]
  expect(lanes).toEqual([
    { name: 'main', url: undefined },
    { name: 'b', url: '/run/b.sock' },
    { name: 'b2', url: 'rediss://:p=w@r:6380/1' },
  ])
  expect(laneAddresses(lanes, 'redis://common').map(({ url }) => url)).toEqual(['redis://common', '/run/b.sock', 'rediss://:p=w@r:6380/1'])
})

test.each([
  ['main,B', '"B" is not a lane’s name'],
  ['main,,b', '"" is not a lane’s name'],
  ['main,b=', 'what follows "b=" is not'],
  ['main,b=localhost:6379', 'what follows "b=" is not'],
  ['main,b,b', '"b" is there twice'],
  ['a,b', '"main" is not among them'],
  [['main', ...Array.from({ length: MAX_LANES }, (_, i) => `b${i}`)].join(','), '65 lanes are too many'],
])('%s is refused with what is wrong', (text, problem) => {
  expect(parseLanes(text)).toEqual({ problem: expect.stringContaining(problem) })
})
