//! Streams of counts, latencies and series by chance, the same in each run.

/// xorshift64*.
/// Source: Vigna, "An experimental exploration of Marsaglia's xorshift
/// generators, scrambled", 2016.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            dice.uniform();
        }
        dice
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 20.0 {
            return self.poisson(mean / 2.0) + self.poisson(mean / 2.0);
        }
        let (end, mut product, mut events) = ((-mean).exp(), self.uniform(), 0);
        while product > end {
            product *= self.uniform();
            events += 1;
        }
        events
    }
}

/// Noise of variance 1 that remembers this much of itself.
pub(crate) struct Memory {
    much: f64,
    now: f64,
}

impl Memory {
    pub(crate) fn new(much: f64, dice: &mut Dice) -> Memory {
        let now = dice.normal();
        Memory { much, now }
    }

    pub(crate) fn next(&mut self, dice: &mut Dice) -> f64 {
        self.now = self.much * self.now + (1.0 - self.much * self.much).sqrt() * dice.normal();
        self.now
    }
}

/// What makes rates wander.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Noise {
    None,
    /// The same for both roles.
    Common(f64),
    /// Of each role by itself.
    Own(f64),
}

/// Both roles minute by minute: requests, failure rates, noise of a fifth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) requests: (u64, u64),
    pub(crate) rates: (f64, f64),
    pub(crate) noise: Noise,
}

/// Failures of both roles in each of 60 minutes.
pub(crate) fn failures(traffic: Traffic, seed: u64) -> Vec<(u64, u64)> {
    let mut dice = Dice::new(seed);
    let much = match traffic.noise {
        Noise::None => 0.0,
        Noise::Common(much) | Noise::Own(much) => much,
    };
    let mut stable = Memory::new(much, &mut dice);
    let mut candidate = Memory::new(much, &mut dice);
    (0..60)
        .map(|_| {
            let (x, y) = match traffic.noise {
                Noise::None => (0.0, 0.0),
                Noise::Common(_) => {
                    let both = stable.next(&mut dice);
                    (both, both)
                }
                Noise::Own(_) => (stable.next(&mut dice), candidate.next(&mut dice)),
            };
            let mut draw = |requests: u64, rate: f64, noise: f64| {
                let mean = requests as f64 * rate * (0.2 * noise).exp();
                dice.poisson(mean).min(requests)
            };
            (
                draw(traffic.requests.0, traffic.rates.0, x),
                draw(traffic.requests.1, traffic.rates.1, y),
            )
        })
        .collect()
}

/// Bounds that grow by this factor, and requests whose time is log-normal around
/// 50 with σ 0.5.
pub(crate) fn latencies(bounds: &[f64], slower: f64, many: u64, dice: &mut Dice) -> Vec<u64> {
    let mut counts = vec![0; bounds.len() + 1];
    for _ in 0..many {
        let took = 50.0 * slower * (0.5 * dice.normal()).exp();
        counts[bounds.partition_point(|bound| *bound < took)] += 1;
    }
    counts
}

pub(crate) fn bounds(growth: f64) -> Vec<f64> {
    let many = (2_000f64.ln() / growth.ln()).ceil() as i32;
    (0..=many).map(|power| growth.powi(power)).collect()
}
