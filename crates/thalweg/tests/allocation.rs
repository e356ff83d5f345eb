//! Nothing is allocated once warm: every mode, counted by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{Mlp, Rnn, Steps, Transformer};
use thalweg::tensor::{Activation, Block, Tape};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(tape: Tape, loss: Loss) -> (usize, usize) {
    let n = tape.parameter_count();
    let blocks = tape.parameters().len();
    let mut objective = Objective::<f32>::new(Arc::new(tape), loss, 50);
    let parameters = vec![0.1; n];
    let directions = vec![0.2; 2 * n];
    let (mut gradient, mut products) = (vec![0.0; n], vec![0.0; 2 * n]);
    let mut norms = Block::zeros(blocks, 50);
    let mut pass = |batch: usize| {
        let before = ALLOCATIONS.get();
        objective.resize(batch);
        norms.resize(batch);
        objective.gradient(&parameters, &mut gradient);
        objective.hessian(&parameters, &directions, &mut products);
        objective.gauss_newton(&parameters, &directions, &mut products);
        objective.sample_squared_norms(&mut norms);
        ALLOCATIONS.get() - before
    };
    let cold = pass(50);
    // A smaller batch, as at the end of an epoch, and back.
    (cold, pass(50) + pass(17) + pass(50))
}

#[test]
fn nothing_is_allocated_once_warm() {
    let mlp = Mlp {
        widths: vec![3, 7, 2],
        activation: Activation::Gelu,
        biases: true,
    };
    let rnn = Rnn {
        inputs: 2,
        hidden: 3,
        outputs: 2,
        steps: 3,
        activation: Activation::Tanh,
        biases: true,
        read: Steps::Every,
    };
    let transformer = Transformer {
        width: 4,
        positions: 3,
        heads: 2,
        hidden: 5,
        blocks: 2,
        causal: true,
        layer_norm: true,
        activation: Activation::Relu,
        biases: true,
    };
    let losses = [Loss::SquaredError(Convention::Half), Loss::CrossEntropy];
    for loss in losses {
        for tape in [mlp.tape(), rnn.tape(), transformer.tape()] {
            let (cold, warm) = allocations(tape.unwrap(), loss);
            assert!(cold > 0, "the counter counts");
            assert_eq!(warm, 0);
        }
    }
}
